package journal

import (
	"context"

	"lifeboat/internal/diag"
)

// Floor is the time that everything before is closed: no commit will be stamped below it.
func (j *Journal) Floor() diag.IngressTime {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.floor
}

// CloseUpTo raises the floor to t, in the register too, and returns the highest number stamped below t, 0 if
// there is none. It waits for the commit in flight. The journal's clock is moved ahead to t if it is behind.
func (j *Journal) CloseUpTo(ctx context.Context, t diag.IngressTime) (last uint64, err error) {
	if !validTime(t) {
		return 0, diag.Errorf(diag.Invalid, "The journal cannot close up to %d.", int64(t))
	}
	if err := j.raiseFloor(ctx, t); err != nil {
		return 0, err
	}
	return j.NumberBefore(t)
}

func (j *Journal) raiseFloor(ctx context.Context, t diag.IngressTime) error {
	j.commit.Lock()
	defer j.commit.Unlock()
	if err := j.pool.refusal(); err != nil {
		return err
	}
	if t <= j.Floor() {
		return nil
	}
	// If this fails, the register may hold t all the same. That only makes the next start begin later.
	if err := j.o.Register.RaiseFloor(ctx, t); err != nil {
		return diag.Wrap(diag.Internal, err, "The journal could not close a minute.")
	}
	j.clock.raise(t)
	j.mu.Lock()
	j.floor = t
	j.mu.Unlock()
	if err := j.sealBefore(dayOf(j.Now())); err != nil {
		return j.fail(err)
	}
	return nil
}
