package store

import (
	"context"
	"database/sql"
	"strings"

	"lifeboat/internal/diag"
)

// Invitation asks somebody into an organisation or, with App not 0, into an app.
type Invitation struct {
	ID        diag.ID
	Org       int64 // 0 for an app
	App       int64
	Email     string
	OrgRole   diag.OrgRole // of the one
	Role      diag.Role    // of the other
	Inviter   int64        // diag.User.Num
	CreatedAt int64        // Unix milliseconds
	ExpiresAt int64
}

const invitationColumns = "id, org, app, email, role, inviter, created_at, expires_at"

func scanInvitation(r interface{ Scan(...any) error }) (i Invitation, err error) {
	var role uint8
	err = r.Scan(idColumn{&i.ID}, &i.Org, &i.App, &i.Email, &role, &i.Inviter, &i.CreatedAt, &i.ExpiresAt)
	i.OrgRole, i.Role = diag.OrgRole(role), diag.Role(role)
	if i.App == 0 {
		i.Role = diag.RoleNone
	} else {
		i.OrgRole = diag.OrgNone
	}
	return i, err
}

func (i *Invitation) role() uint8 {
	if i.App != 0 {
		return uint8(i.Role)
	}
	return uint8(i.OrgRole)
}

// PutInvitation adds an invitation or renews the one for the same address. hash is that of the secret in its link.
func (db *DB) PutInvitation(ctx context.Context, i Invitation, hash [32]byte) error {
	return db.register.update(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO invitation (id, org, app, email, email_key, role, inviter, hash, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (org, app, email_key) DO UPDATE SET role = excluded.role, inviter = excluded.inviter, hash = excluded.hash,
			created_at = excluded.created_at, expires_at = excluded.expires_at`,
			i.ID[:], i.Org, i.App, i.Email, strings.ToLower(i.Email), i.role(), i.Inviter, hash[:], i.CreatedAt, i.ExpiresAt)
		return err
	})
}

// SetInvitationRole changes what an invitation offers.
func (db *DB) SetInvitationRole(ctx context.Context, i Invitation) error {
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec("UPDATE invitation SET role = $4 WHERE org = $1 AND app = $2 AND email_key = $3", i.Org, i.App, strings.ToLower(i.Email), i.role())
		return found(rows, err, "invitation")
	})
}

// Invitations lists those to an organisation, or with org 0 to an app, oldest first.
func (db *DB) Invitations(ctx context.Context, org, app int64) ([]Invitation, error) {
	return db.invitations(ctx, "SELECT "+invitationColumns+" FROM invitation WHERE org = $1 AND app = $2 ORDER BY created_at, id", org, app)
}

// InvitationsBy lists those that a user sent.
func (db *DB) InvitationsBy(ctx context.Context, user int64) ([]Invitation, error) {
	return db.invitations(ctx, "SELECT "+invitationColumns+" FROM invitation WHERE inviter = $1 ORDER BY created_at, id", user)
}

func (db *DB) invitations(ctx context.Context, text string, args ...any) (all []Invitation, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (Invitation, error) { return scanInvitation(r) }, text, args...)
		return err
	})
	return all, err
}

// Invitation finds the one for an address.
func (db *DB) Invitation(ctx context.Context, org, app int64, email string) (i Invitation, err error) {
	all, err := db.invitations(ctx, "SELECT "+invitationColumns+" FROM invitation WHERE org = $1 AND app = $2 AND email_key = $3", org, app, strings.ToLower(email))
	return only(all, err)
}

// InvitationByHash finds the one with a link.
func (db *DB) InvitationByHash(ctx context.Context, hash [32]byte) (Invitation, error) {
	all, err := db.invitations(ctx, "SELECT "+invitationColumns+" FROM invitation WHERE hash = $1", hash[:])
	return only(all, err)
}

func only(all []Invitation, err error) (Invitation, error) {
	if err == nil && len(all) == 0 {
		err = diag.Errorf(diag.NotFound, "There is no such invitation.")
	}
	if err != nil {
		return Invitation{}, err
	}
	return all[0], nil
}

// DeleteInvitation takes an invitation back.
func (db *DB) DeleteInvitation(ctx context.Context, id diag.ID) error {
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec("DELETE FROM invitation WHERE id = $1", id[:])
		return found(rows, err, "invitation")
	})
}

// AcceptInvitation uses an invitation up: the account gets its place, and never less than it has.
func (db *DB) AcceptInvitation(ctx context.Context, i Invitation, user, now int64) error {
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec("DELETE FROM invitation WHERE id = $1", i.ID[:])
		if err := found(rows, err, "invitation"); err != nil {
			return err
		}
		if i.App == 0 {
			_, err := t.exec(`INSERT INTO org_user (org, account, role, joined_at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (org, account) DO UPDATE SET role = CASE WHEN excluded.role > org_user.role THEN excluded.role ELSE org_user.role END`,
				i.Org, user, i.OrgRole, now)
			return err
		}
		shard, err := shardIn(t, i.App)
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO member (shard, app, account, role) VALUES ($1, $2, $3, $4)
			ON CONFLICT (shard, app, account) DO UPDATE SET role = CASE WHEN excluded.role > member.role THEN excluded.role ELSE member.role END`,
			shard, i.App, user, i.Role)
		return err
	})
}

// DeleteExpiredInvitations removes those that ended before a time.
func (db *DB) DeleteExpiredInvitations(ctx context.Context, before int64) error {
	return db.register.update(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM invitation WHERE expires_at < $1", before)
		return err
	})
}
