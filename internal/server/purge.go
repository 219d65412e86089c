package server

import (
	"context"
	"errors"

	"lifeboat/internal/purge"
)

// Purge purges a data folder that no server uses, by the machine's clock. With dry it changes
// nothing and says what a pass would take away.
func Purge(ctx context.Context, c Config, dry bool) (plan purge.Plan, done purge.Stats, err error) {
	if err := c.setDefaults(); err != nil {
		return plan, done, err
	}
	o, err := OpenOffline(ctx, c, false)
	if err != nil {
		return plan, done, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if _, err := reindex(ctx, &c, o.Store, o.Journal, nil); err != nil { // what the last process left unindexed
		return plan, done, err
	}
	w := purge.New(purge.Options{Store: o.Store, Journal: o.Journal, Clock: c.Clock, Log: c.Log, TrustClock: true, Grace: 1})
	if dry {
		plan, err = w.Plan(ctx)
		return plan, done, err
	}
	for range 2 { // the second removes what the first has replaced
		if err = w.Pass(ctx); err != nil {
			break
		}
	}
	return plan, w.Stats(), err
}
