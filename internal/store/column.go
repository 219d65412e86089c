package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"lifeboat/internal/diag"
)

// idColumn reads an id; NULL is the zero id.
type idColumn struct{ id *diag.ID }

func (c idColumn) Scan(src any) error {
	switch b := src.(type) {
	case nil:
		*c.id = diag.ID{}
		return nil
	case []byte:
		if len(b) == len(c.id) {
			copy(c.id[:], b)
			return nil
		}
	}
	return errors.New("store: an id column does not hold 16 bytes")
}

// idOrNull is the argument for an id that may be absent.
func idOrNull(id diag.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// textOrNull is the argument for a text that is mostly absent.
func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// textColumn reads a text; NULL is "".
type textColumn struct{ s *string }

func (c textColumn) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*c.s = ""
	case string:
		*c.s = v
	case []byte:
		*c.s = string(v)
	default:
		return fmt.Errorf("store: a text column holds a %T", src)
	}
	return nil
}

// numberColumn reads a number; NULL is 0.
type numberColumn struct{ n *int }

func (c numberColumn) Scan(src any) error {
	n, ok := src.(int64)
	if !ok && src != nil {
		return fmt.Errorf("store: a number column holds a %T", src)
	}
	*c.n = int(n)
	return nil
}

// flagColumn reads a yes or no; NULL is no.
type flagColumn struct{ b *bool }

func (c flagColumn) Scan(src any) error {
	var n int
	err := numberColumn{&n}.Scan(src)
	*c.b = n != 0
	return err
}

// flag is the argument for a yes or no, which engines disagree about.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// installColumn reads what packInstall made.
type installColumn struct{ install *diag.InstallID }

func (c installColumn) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("store: an install column holds a %T", src)
	}
	install, err := unpackInstall(b)
	*c.install = install
	return err
}

// packInstall writes an install id as the 16 bytes of its GUID, or, if it is none, as its text padded to at
// least 16 bytes and a last byte that tells the text's length. The first form is the only one of 16 bytes.
func packInstall(i diag.InstallID) []byte {
	if id, ok := diag.ParseID(string(i)); ok && id.String() == string(i) {
		return id[:]
	}
	if len(i) > diag.MaxInstallID {
		i = i[:diag.MaxInstallID]
	}
	b := make([]byte, max(len(i), 16), max(len(i), 16)+1)
	copy(b, i)
	return append(b, byte(len(i)))
}

func unpackInstall(b []byte) (diag.InstallID, error) {
	if len(b) == 16 {
		return diag.InstallID(diag.ID(b).String()), nil
	}
	if len(b) < 17 || int(b[len(b)-1]) > len(b)-1 {
		return "", errors.New("store: an install column holds no install id")
	}
	return diag.InstallID(b[:b[len(b)-1]]), nil
}

// absent turns "no row" into NotFound.
func absent(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return diag.Errorf(diag.NotFound, "There is no such %s.", what)
	}
	return err
}

// found turns "no row changed" into NotFound.
func found(rows int64, err error, what string) error {
	if err == nil && rows == 0 {
		return diag.Errorf(diag.NotFound, "There is no such %s.", what)
	}
	return err
}

// next counts a counter of the register up. Numbers are never given twice.
func next(t *tx, counter string) (n int64, err error) {
	err = t.get([]any{&n}, `INSERT INTO counter (name, value) VALUES ($1, 1)
		ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value`, counter)
	return n, err
}

// splitLines is the inverse of joining with newlines.
func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}
