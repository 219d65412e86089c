package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"lifeboat/internal/diag"
)

// Migrations are numbered from 1 without holes and only add. Each begins with "-- release X.Y.Z": the first
// release that can open a half which has it. "rebuild" behind that, in the index, says that what it adds follows
// from the journal: rows that are there already are thrown away and made anew.
//
//go:embed migrations
var schema embed.FS

type migration struct {
	release    string
	rebuild    bool
	statements []string
}

func loadMigrations(migrations fs.FS, name string) ([]migration, error) {
	files, err := fs.Glob(migrations, path.Join("migrations", name, "*.sql"))
	if err != nil {
		return nil, err
	}
	var all []migration
	for i, f := range files { // in name order
		text, err := fs.ReadFile(migrations, f)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(path.Base(f), fmt.Sprintf("%04d_", i+1)) {
			return nil, fmt.Errorf("store: migration %s is not number %d", f, i+1)
		}
		m, err := parseMigration(string(text))
		if err != nil {
			return nil, fmt.Errorf("store: migration %s: %w", f, err)
		}
		all = append(all, m)
	}
	return all, nil
}

func parseMigration(text string) (migration, error) {
	head, body, _ := strings.Cut(text, "\n")
	release, ok := strings.CutPrefix(head, "-- release ")
	if !ok {
		return migration{}, errors.New("the first line names no release")
	}
	m := migration{}
	m.release, m.rebuild = strings.CutSuffix(release, " rebuild")
	for s := range strings.SplitSeq(body, ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			m.statements = append(m.statements, s)
		}
	}
	return m, nil
}

// migrate brings a half to the newest schema, or refuses one that is newer than that.
func (h *half) migrate(ctx context.Context, migrations fs.FS) error {
	all, err := loadMigrations(migrations, h.name)
	if err != nil {
		return err
	}
	return h.update(ctx, func(t *tx) error {
		version, release, err := h.schema(t)
		if err != nil {
			return err
		}
		if version > len(all) {
			return diag.Errorf(diag.Invalid, "The %s in this data folder has schema %d and needs Lifeboat %s or newer; this one knows schemas up to %d.",
				h.name, version, release, len(all))
		}
		return h.apply(t, all, version)
	})
}

func (h *half) schema(t *tx) (version int, release string, err error) {
	err = h.once(t.ctx, "CREATE TABLE IF NOT EXISTS migrated (version BIGINT PRIMARY KEY, release TEXT NOT NULL)")
	if err != nil {
		return 0, "", err
	}
	err = t.get([]any{&version, &release}, "SELECT version, release FROM migrated ORDER BY version DESC LIMIT 1")
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return version, release, err
}

func (h *half) apply(t *tx, all []migration, version int) error {
	for _, m := range all[version:] {
		for _, s := range m.statements {
			if err := h.once(t.ctx, s); err != nil {
				return fmt.Errorf("%w in %q", err, s)
			}
		}
		if m.rebuild && version > 0 {
			if err := h.empty(t); err != nil {
				return err
			}
		}
		version++
		if _, err := t.exec("INSERT INTO migrated (version, release) VALUES ($1, $2)", version, m.release); err != nil {
			return err
		}
	}
	return nil
}

// once runs a statement that is not worth keeping prepared.
func (h *half) once(ctx context.Context, text string) error {
	_, err := h.writer.sql.ExecContext(ctx, h.dialect.Rewrite(text))
	return err
}

// empty takes all rows out of the index, so that the pipeline begins anew with the first frame.
func (h *half) empty(t *tx) error {
	tables, err := h.dialect.Tables(t.ctx, h.writer.sql)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(tables, func(t Table) bool { return t.Name == "search_app" }) {
		if err := dropSearches(t); err != nil {
			return err
		}
	}
	for _, table := range tables {
		if table.Name == "migrated" || table.Name == "lane" {
			continue
		}
		if err := h.once(t.ctx, "DELETE FROM "+table.Name); err != nil {
			return err
		}
	}
	return h.once(t.ctx, "UPDATE lane SET through = 0, epoch = epoch + 1")
}
