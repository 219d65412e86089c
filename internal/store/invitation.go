package store

import (
	"context"
	"database/sql"
	"errors"
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
	ExpiresAt int64        // Unix milliseconds; from then on it is as if it were not there
}

const invitationColumns = "id, org, app, email, role, inviter, created_at, expires_at"

func scanInvitation(scan func(...any) error) (i Invitation, err error) {
	var role uint8
	err = scan(idColumn{&i.ID}, &i.Org, &i.App, &i.Email, &role, &i.Inviter, &i.CreatedAt, &i.ExpiresAt)
	if i.App == 0 {
		i.OrgRole = diag.OrgRole(role)
	} else {
		i.Role = diag.Role(role)
	}
	return i, err
}

func (i *Invitation) role() uint8 {
	if i.App != 0 {
		return uint8(i.Role)
	}
	return uint8(i.OrgRole)
}

// maxInvitations is how many may wait for one organisation or app.
const maxInvitations = 1000

// CreateInvitation adds an invitation. hash is that of the secret in its link. A Conflict says that there is one for
// the address already, or that the account with that address is there. For an organisation or an app that is gone
// it is NotFound.
func (db *DB) CreateInvitation(ctx context.Context, i Invitation, hash [32]byte) error {
	return db.register.update(ctx, func(t *tx) error {
		if err := mayInvite(t, &i); err != nil {
			return err
		}
		// One whose time is over makes room.
		_, err := t.exec("DELETE FROM invitation WHERE org = $1 AND app = $2 AND email_key = $3 AND expires_at <= $4", i.Org, i.App, strings.ToLower(i.Email), i.CreatedAt)
		if err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO invitation ("+invitationColumns+", email_key, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
			i.ID[:], i.Org, i.App, i.Email, i.role(), i.Inviter, i.CreatedAt, i.ExpiresAt, strings.ToLower(i.Email), hash[:])
		return db.register.taken(err, "This address is invited already. Send the invitation again, or revoke it.")
	})
}

// mayInvite finds what stands against an invitation.
func mayInvite(t *tx, i *Invitation) error {
	var there, waiting int64
	if err := t.get([]any{&there}, "SELECT (SELECT COUNT(*) FROM org WHERE num = $1) + (SELECT COUNT(*) FROM app WHERE num = $2)", i.Org, i.App); err != nil {
		return err
	}
	if there != 1 {
		return diag.Errorf(diag.NotFound, "Not found.")
	}
	if err := t.get([]any{&waiting}, "SELECT COUNT(*) FROM invitation WHERE org = $1 AND app = $2", i.Org, i.App); err != nil {
		return err
	}
	if waiting >= maxInvitations {
		return diag.Errorf(diag.Conflict, "%d invitations wait. Revoke some that nobody needs.", waiting)
	}
	var user int64
	err := t.get([]any{&user}, "SELECT num FROM account WHERE email_key = $1", strings.ToLower(i.Email))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case i.App != 0:
		role, err := roleOf(t, i.App, user)
		if err == nil && role != diag.RoleNone {
			err = diag.Errorf(diag.Conflict, "This user is a %s of the app already.", role)
		}
		return err
	}
	err = inOrg(t, i.Org, user)
	if err == nil {
		return diag.Errorf(diag.Conflict, "This user is in the organisation already.")
	}
	if diag.KindOf(err) == diag.NotFound {
		return nil
	}
	return err
}

// ChangeInvitation changes role, inviter and times of the invitation for an address as fn says, on its newest
// state. With a hash, links that were given out before are void. It may call fn several times, and returns the
// invitation as it is then.
func (db *DB) ChangeInvitation(ctx context.Context, org, app int64, email string, now int64, hash *[32]byte, fn func(*Invitation)) (i Invitation, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		i, err = scanInvitation(func(dest ...any) error {
			return t.get(dest, "SELECT "+invitationColumns+" FROM invitation WHERE org = $1 AND app = $2 AND email_key = $3 AND expires_at > $4",
				org, app, strings.ToLower(email), now)
		})
		if err != nil {
			return absent(err, "invitation")
		}
		fn(&i)
		_, err := t.exec("UPDATE invitation SET role = $2, inviter = $3, created_at = $4, expires_at = $5 WHERE id = $1",
			i.ID[:], i.role(), i.Inviter, i.CreatedAt, i.ExpiresAt)
		if err == nil && hash != nil {
			_, err = t.exec("UPDATE invitation SET hash = $2 WHERE id = $1", i.ID[:], hash[:])
		}
		return err
	})
	return i, err
}

// RevokeInvitation takes back the invitation for an address.
func (db *DB) RevokeInvitation(ctx context.Context, org, app int64, email string, now int64) error {
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec("DELETE FROM invitation WHERE org = $1 AND app = $2 AND email_key = $3 AND expires_at > $4", org, app, strings.ToLower(email), now)
		return found(rows, err, "invitation")
	})
}

// Invitations lists those that wait at a time, to an organisation, or with org 0 to an app, oldest first.
func (db *DB) Invitations(ctx context.Context, org, app, now int64) ([]Invitation, error) {
	return db.invitations(ctx, "SELECT "+invitationColumns+" FROM invitation WHERE org = $1 AND app = $2 AND expires_at > $3 ORDER BY created_at, id", org, app, now)
}

// InvitationsBy lists those that a user sent and that wait at a time, oldest first.
func (db *DB) InvitationsBy(ctx context.Context, user, now int64) ([]Invitation, error) {
	return db.invitations(ctx, "SELECT "+invitationColumns+" FROM invitation WHERE inviter = $1 AND expires_at > $2 ORDER BY created_at, id", user, now)
}

func (db *DB) invitations(ctx context.Context, text string, args ...any) (all []Invitation, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (Invitation, error) { return scanInvitation(r.Scan) }, text, args...)
		return err
	})
	return all, err
}

// Offer is an invitation with what there is to know about it.
type Offer struct {
	Invitation
	Org     diag.Org // of one to an organisation
	App     diag.App // of one to an app
	Inviter diag.User
}

// IsApp reports whether the offer is a role in an app.
func (o *Offer) IsApp() bool { return o.Invitation.App != 0 }

// OfferByHash finds the invitation whose link has a secret of that hash. It is NotFound once its time is over, or if
// its sender may not invite any more.
func (db *DB) OfferByHash(ctx context.Context, hash [32]byte, now int64) (o Offer, err error) {
	err = db.register.view(ctx, func(t *tx) error {
		o, err = offer(t, hash, now)
		return err
	})
	return o, err
}

func offer(t *tx, hash [32]byte, now int64) (o Offer, err error) {
	o.Invitation, err = scanInvitation(func(dest ...any) error {
		return t.get(dest, "SELECT "+invitationColumns+" FROM invitation WHERE hash = $1 AND expires_at > $2", hash[:], now)
	})
	if err == nil {
		err = t.get(scanUser(&o.Inviter), "SELECT "+userColumns+" FROM account WHERE num = $1", o.Invitation.Inviter)
	}
	if err == nil && o.Invitation.App != 0 {
		o.App, err = appIn(t, o.Invitation.App)
	} else if err == nil {
		err = t.get(scanOrg(&o.Org), "SELECT "+orgColumns+" FROM org WHERE num = $1", o.Invitation.Org)
	}
	may := o.Inviter.Admin
	if err == nil && !may {
		may, err = stillMay(t, &o.Invitation)
	}
	if errors.Is(err, sql.ErrNoRows) || err == nil && !may {
		err = diag.Errorf(diag.NotFound, "There is no such invitation, or not any more. Ask for a new one.")
	}
	return o, err
}

// stillMay reports whether the sender of an invitation could still send it.
func stillMay(t *tx, i *Invitation) (bool, error) {
	if i.App != 0 {
		role, err := roleOf(t, i.App, i.Inviter)
		return role == diag.RoleManager, err
	}
	var role diag.OrgRole
	err := t.get([]any{&role}, "SELECT role FROM org_user WHERE org = $1 AND account = $2", i.Org, i.Inviter)
	return role == diag.OrgAdmin, err
}

// AcceptInvitation uses an invitation up, by the hash of its link's secret: the account gets its place, and never
// less than it has. Who is let into an app of an organisation becomes a member of that.
func (db *DB) AcceptInvitation(ctx context.Context, hash [32]byte, user, now int64) (o Offer, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		o, err = accept(t, hash, user, now)
		return err
	})
	return o, err
}

// JoinByInvitation is AcceptInvitation for a new account, which is made in the same step. password is its hash.
func (db *DB) JoinByInvitation(ctx context.Context, hash [32]byte, u diag.User, password string, now int64) (made diag.User, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		if _, err := offer(t, hash, now); err != nil {
			return err
		}
		if made, err = db.createUser(t, u, password); err != nil {
			return err
		}
		_, err = accept(t, hash, made.Num, now)
		return err
	})
	return made, err
}

func accept(t *tx, hash [32]byte, user, now int64) (Offer, error) {
	o, err := offer(t, hash, now)
	if err != nil {
		return o, err
	}
	if _, err := t.exec("DELETE FROM invitation WHERE id = $1", o.ID[:]); err != nil {
		return o, err
	}
	if o.Invitation.App == 0 {
		return o, raiseOrgUser(t, o.Invitation.Org, user, o.OrgRole, now)
	}
	rows, err := t.exec(`INSERT INTO member (shard, app, account, role) SELECT $1, $2, account.num, $4 FROM account WHERE account.num = $3
		ON CONFLICT (shard, app, account) DO UPDATE SET role = CASE WHEN excluded.role > member.role THEN excluded.role ELSE member.role END`,
		diag.ShardOf(o.App.ID), o.App.Num, user, o.Role)
	if err := found(rows, err, "user"); err != nil {
		return o, err
	}
	var org int64
	err = t.get([]any{&org}, "SELECT num FROM org WHERE name_key = $1", strings.ToLower(o.App.Owner))
	if errors.Is(err, sql.ErrNoRows) {
		return o, nil // it is a user's
	}
	if err != nil {
		return o, err
	}
	return o, raiseOrgUser(t, org, user, diag.OrgMember, now)
}

// raiseOrgUser gives an account a role in an organisation unless it has a higher one.
func raiseOrgUser(t *tx, org, user int64, role diag.OrgRole, now int64) error {
	rows, err := t.exec(`INSERT INTO org_user (org, account, role, joined_at) SELECT $1, account.num, $3, $4 FROM account WHERE account.num = $2
		ON CONFLICT (org, account) DO UPDATE SET role = CASE WHEN excluded.role > org_user.role THEN excluded.role ELSE org_user.role END`,
		org, user, role, now)
	return found(rows, err, "user")
}

// RejectInvitation uses an invitation up without anything else.
func (db *DB) RejectInvitation(ctx context.Context, hash [32]byte, now int64) error {
	return db.register.update(ctx, func(t *tx) error {
		o, err := offer(t, hash, now)
		if err != nil {
			return err
		}
		_, err = t.exec("DELETE FROM invitation WHERE id = $1", o.ID[:])
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
