package store

import (
	"context"

	"lifeboat/internal/diag"
)

func (db *DB) CreateApp(ctx context.Context, a diag.App) (diag.App, error) { return a, errPending }
func (db *DB) App(ctx context.Context, owner, name string) (diag.App, error) {
	return diag.App{}, errPending
}
func (db *DB) AppBySecret(ctx context.Context, secret diag.ID) (diag.App, error) {
	return diag.App{}, errPending
}
func (db *DB) AppByNum(ctx context.Context, num int64) (diag.App, error) {
	return diag.App{}, errPending
}
func (db *DB) Apps(ctx context.Context) ([]diag.App, error)    { return nil, errPending }
func (db *DB) UpdateApp(ctx context.Context, a diag.App) error { return errPending }
func (db *DB) DeleteApp(ctx context.Context, num int64) error  { return errPending }
func (db *DB) SetMember(ctx context.Context, app, user int64, role diag.Role) error {
	return errPending
}
func (db *DB) RoleOf(ctx context.Context, app, user int64) (diag.Role, error) {
	return diag.RoleNone, errPending
}
