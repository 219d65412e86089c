package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lifeboat/internal/auth"
	"lifeboat/internal/diag"
	"lifeboat/internal/journal/journaltest"
)

const password = "correct horse battery"

// people is a gate with one account that has a password and one that has none.
type people struct {
	*register
	t     *testing.T
	clock *journaltest.Clock
	gate  *auth.Gate
	ann   diag.User
}

func newPeople(t *testing.T) *people {
	t.Helper()
	p := &people{register: newRegister(), t: t, clock: journaltest.NewClock(time.Date(2024, 5, 10, 12, 0, 0, 0, time.UTC))}
	p.gate = auth.New(p.register, p.clock, nil)
	p.ann = diag.User{Num: 1, ID: diag.DerivedID([]byte("ann")), Name: "ann", Email: "ann@example.com"}
	p.users[1], p.users[2] = p.ann, diag.User{Num: 2, ID: diag.DerivedID([]byte("bob")), Name: "bob"}
	p.set(password)
	return p
}

func (p *people) set(password string) {
	p.t.Helper()
	hash, err := p.gate.HashPassword(p.t.Context(), password)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.hashes[1] = hash
	p.mu.Unlock()
}

// try signs in from a client and returns the kind of the error, or "ok".
func (p *people) try(client, login, password string) string {
	p.t.Helper()
	c, err := p.gate.ByPassword(p.t.Context(), client, login, password)
	if err != nil {
		if c.Token.Scope == diag.ScopeAll && c.User.Num != 0 {
			p.t.Errorf("a caller beside the error %v", err)
		}
		return diag.KindOf(err).String()
	}
	if c.User.Num != 1 || c.Token.User != 1 || c.ReadOnly() || c.AppToken() || !c.WithPassword() {
		p.t.Errorf("caller %+v", c)
	}
	return "ok"
}

func TestHashPassword(t *testing.T) {
	t.Parallel()
	g := auth.New(newRegister(), diag.NewStepClock(), nil)
	a, err := g.HashPassword(t.Context(), password)
	if err != nil || !regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`).MatchString(a) {
		t.Errorf("%q, %v", a, err)
	}
	if b, _ := g.HashPassword(t.Context(), password); a == b {
		t.Error("two hashes of one password are the same: there is no salt")
	}
	for _, bad := range []string{"", "short", strings.Repeat("ö", 9), strings.Repeat("x", 501), "with a\x00 in it", "\xff\xfe not a text"} {
		if _, err := g.HashPassword(t.Context(), bad); diag.KindOf(err) != diag.Invalid || strings.Contains(err.Error(), "text"+bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := g.HashPassword(t.Context(), strings.Repeat("ö", 10)); err != nil {
		t.Error(err)
	}
}

func TestByPassword(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	for i, c := range []struct{ login, password, want string }{
		{"ann", password, "ok"}, {"ANN", password, "ok"}, {"Ann@Example.COM", password, "ok"},
		{"ann", password + " ", "unauthenticated"}, {"ann", "", "unauthenticated"}, {"", password, "unauthenticated"},
		{"bob", "", "unauthenticated"}, {"bob", password, "unauthenticated"}, {"carol", password, "unauthenticated"},
		{"ann", strings.Repeat("x", 1<<16), "unauthenticated"}, {strings.Repeat("x", 1<<16), password, "unauthenticated"}, {"ann\xff", password, "unauthenticated"},
	} {
		if got := p.try(fmt.Sprintf("192.0.2.%d:1", i), c.login, c.password); got != c.want {
			t.Errorf("%.20q %.20q: %s, want %s", c.login, c.password, got, c.want)
		}
	}
	p.hashes[1] = "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA" // would take 4 TiB
	if got := p.try("198.51.100.1:1", "ann", password); got != "unauthenticated" {
		t.Errorf("a hash beyond bounds: %s", got)
	}
	p.fail = errors.New("disk")
	if got := p.try("198.51.100.2:1", "ann", password); got != "internal" {
		t.Errorf("a failed look-up: %s", got)
	}
}

// hashed is how much memory a call has taken, in hashes: each takes 19 MiB. Tests that ask for it do not run
// beside others.
func hashed(fn func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / (19 << 20)
}

// TestUnknownTakesAsLong: an account that is not there costs the same work as one that is.
func TestUnknownTakesAsLong(t *testing.T) {
	p := newPeople(t)
	p.try("192.0.2.1:1", "carol", "first") // makes what stands in
	for i, login := range []string{"ann", "bob", "carol", "", strings.Repeat("x", 1000), "\xff"} {
		n := hashed(func() { p.try(fmt.Sprintf("192.0.2.%d:1", 10+i), login, "wrong") })
		if n < 1 || n > 1.5 {
			t.Errorf("%.20q: the work of %.2f hashes", login, n)
		}
	}
}

func TestBasic(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for header, want := range map[string]string{
		"Basic " + encode("ann:"+password):                           "ann",
		"BASIC   " + strings.TrimRight(encode("ann:"+password), "="): "ann",
		"Basic " + encode("ann@example.com:"+password):               "ann",
		"Basic " + encode("ann"):                                     "",
		"Basic " + encode(":"):                                       "",
		"Basic":                                                      "",
		"Basic ***":                                                  "",
		"Bearer " + encode("ann:"+password):                          "",
		"Basic " + base64.URLEncoding.EncodeToString([]byte("ann:\xff\xfe")): "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", header)
		c, err := p.gate.Caller(r)
		if c.User.Name != want || (err == nil) != (want != "") || err != nil && diag.KindOf(err) != diag.Unauthenticated {
			t.Errorf("%s: %q, %v", header, c.User.Name, err)
		}
		if err != nil && strings.Contains(err.Error(), password) {
			t.Error("the error holds the password")
		}
	}
}

// TestClientLimit: wrong passwords of one client are few, whatever it tries them on; right ones are not counted.
func TestClientLimit(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	tries := func(n int, client, login, password string) (all []string) {
		for range n {
			all = append(all, p.try(client, login, password))
		}
		return all
	}
	for range 30 {
		p.clock.Pass(2 * time.Minute) // nothing is remembered
		if got := p.try("192.0.2.1:1", "ann", password); got != "ok" {
			t.Fatalf("the right password: %s", got)
		}
	}
	for i := range 10 {
		if got := p.try("192.0.2.1:1", fmt.Sprint("user", i), "wrong"); got != "unauthenticated" {
			t.Errorf("try %d: %s", i, got)
		}
	}
	_, err := p.gate.ByPassword(t.Context(), "192.0.2.1:99", "another", "wrong")
	var limited *diag.Error
	if !errors.As(err, &limited) || limited.Kind != diag.RateLimited || limited.Wait < time.Second || limited.Wait > 7*time.Second ||
		!regexp.MustCompile(`^Rate limit is exceeded\. Try again in [1-7] seconds\.$`).MatchString(limited.Message) {
		t.Errorf("after ten: %v", err)
	}
	// Who may not guess learns nothing of what is remembered either.
	if got := p.try("192.0.2.1:1", "ann", password); got != "rate limited" {
		t.Errorf("the right password after ten wrong ones: %s", got)
	}
	if got := p.try("[2001:db8::1]:1", "ann", password); got != "ok" {
		t.Errorf("another client: %s", got)
	}
	p.clock.Pass(13 * time.Second)
	if got := tries(3, "192.0.2.1:1", "carol", "wrong"); got[0] != "unauthenticated" || got[1] != "unauthenticated" || got[2] != "rate limited" {
		t.Errorf("a little later: %q", got)
	}
}

// TestAccountLimit: wrong passwords for one account are few, from wherever they come, and whether it is there.
func TestAccountLimit(t *testing.T) {
	t.Parallel()
	for _, login := range []string{"ann", "carol"} {
		p := newPeople(t)
		p.try("203.0.113.1:1", "ann", password)
		client := func(i int) string { return fmt.Sprintf("10.0.%d.1:1", i) }
		for i := range 20 {
			if got := p.try(client(i), login, "wrong"); got != "unauthenticated" {
				t.Fatalf("%s: try %d: %s", login, i, got)
			}
		}
		if got := p.try(client(20), strings.ToUpper(login), "wrong"); got != "rate limited" {
			t.Errorf("%s: after twenty: %s", login, got)
		}
		if login != "ann" {
			continue
		}
		// The one who works with it is not locked out, but learns of nothing elsewhere.
		if got := p.try("203.0.113.1:1", "ann", password); got != "ok" {
			t.Errorf("a client that was in a moment ago: %s", got)
		}
		if got := p.try(client(21), "ann", password); got != "rate limited" {
			t.Errorf("the right password from elsewhere: %s", got)
		}
		p.clock.Pass(16 * time.Second)
		if got := p.try(client(22), "ann", password); got != "ok" {
			t.Errorf("a little later: %s", got)
		}
	}
}

// TestManyClients: what is remembered is bounded, and forgetting opens no door.
func TestManyClients(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	for i := range 5000 {
		g := fmt.Sprintf("10.%d.%d.1:1", i/256, i%256)
		p.register.fail = errors.New("stop before the hash") // the counting of clients alone
		p.try(g, "ann", "wrong")
	}
	p.register.fail = nil
	if got := p.try("192.0.2.1:1", "ann", password); got != "ok" {
		t.Errorf("after many clients: %s", got)
	}
}

// TestKnownPassword: a right password is not hashed at every request, and a changed one is void at once.
func TestKnownPassword(t *testing.T) {
	p := newPeople(t)
	work := func(client string) float64 {
		return hashed(func() {
			if got := p.try(client, "ann", password); got != "ok" {
				t.Error(got)
			}
		})
	}
	const client = "192.0.2.1:1"
	for _, c := range []struct {
		what, client string
		least, most  float64
		pass         time.Duration
	}{
		{"the first time", client, 1, 1.5, 0}, {"the second time", "192.0.2.1:2", 0, 0.5, 0}, {"from elsewhere", "192.0.2.2:1", 1, 1.5, 59 * time.Second},
		{"for a minute", client, 0, 0.5, time.Second}, {"after a minute", client, 1, 1.5, 0},
	} {
		if n := work(c.client); n < c.least || n > c.most {
			t.Errorf("%s: the work of %.2f hashes", c.what, n)
		}
		p.clock.Pass(c.pass)
	}
	p.set("another one altogether")
	if got := p.try("192.0.2.1:1", "ann", password); got != "unauthenticated" {
		t.Errorf("the old password: %s", got)
	}
	if got := p.try("192.0.2.1:1", "ann", "another one altogether"); got != "ok" {
		t.Errorf("the new password: %s", got)
	}
	p.hashes[1] = ""
	if got := p.try("192.0.2.1:1", "ann", "another one altogether"); got != "unauthenticated" {
		t.Errorf("no password any more: %s", got)
	}
}

// TestManyAtOnce: a client that sends its first requests all at once is let in with each of them.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	var wait sync.WaitGroup
	for range 40 {
		wait.Go(func() {
			if got := p.try("192.0.2.1:1", "ann", password); got != "ok" {
				t.Error(got)
			}
		})
	}
	wait.Wait()
}

// TestTooManyAtOnce: who waits for a hash is counted; the rest is sent away.
func TestTooManyAtOnce(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	var mu sync.Mutex
	kinds := map[string]int{}
	var wait sync.WaitGroup
	for i := range 200 {
		wait.Go(func() {
			got := p.try(fmt.Sprintf("10.1.%d.1:1", i), fmt.Sprint("user", i), "wrong")
			mu.Lock()
			defer mu.Unlock()
			kinds[got]++
		})
	}
	wait.Wait()
	if kinds["unauthenticated"] < 60 || kinds["busy"]+kinds["unauthenticated"] != 200 {
		t.Errorf("%v", kinds)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	if _, session, err := p.gate.Session(t.Context(), "192.0.2.1:1", "ann", "wrong"); session != "" || diag.KindOf(err) != diag.Unauthenticated {
		t.Errorf("%q, %v", session, err)
	}
	c, session, err := p.gate.Session(t.Context(), "192.0.2.1:1", "ann", password)
	if err != nil || c.User.Num != 1 || strings.Contains(session, password) {
		t.Fatalf("%+v %q %v", c, session, err)
	}
	back := func(session string) string {
		c, err := p.gate.BySession(t.Context(), session)
		if err == nil && (c.User.Num != 1 || c.Token.Scope != diag.ScopeAll) {
			t.Errorf("caller %+v", c)
		}
		if err != nil {
			return diag.KindOf(err).String()
		}
		return "ok"
	}
	if got := back(session); got != "ok" {
		t.Error(got)
	}
	for _, bad := range []string{"", "x", session[:36], session[:len(session)-1], session + "0", strings.Replace(session, p.ann.ID.String(), diag.RandomID().String(), 1)} {
		if got := back(bad); got != "unauthenticated" {
			t.Errorf("%q: %s", bad, got)
		}
	}
	if _, err := p.gate.ByToken(t.Context(), session); diag.KindOf(err) != diag.Unauthenticated {
		t.Error("a session is good as a token")
	}
	p.set("another one altogether")
	if got := back(session); got != "unauthenticated" {
		t.Errorf("after the change of the password: %s", got)
	}
	p.hashes[1] = ""
	if got := back(p.ann.ID.String() + strings.Repeat("0", 32)); got != "unauthenticated" {
		t.Errorf("without a password: %s", got)
	}
}

// TestExpiry: a token ends on the wall clock, also while it is remembered.
func TestExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, clock := newRegister(), diag.NewStepClock()
		token := r.add(diag.Token{Scope: diag.ScopeAll, ExpiresAt: clock.Now().Add(3 * time.Second).UnixMilli()}, diag.User{Num: 1})
		g := auth.New(r, clock, nil)
		if _, err := g.ByToken(t.Context(), token); err != nil {
			t.Error(err)
		}
		clock.Step(3*time.Second - time.Millisecond)
		if _, err := g.ByToken(t.Context(), token); err != nil {
			t.Error(err)
		}
		clock.Step(time.Millisecond)
		for range 2 { // remembered, and not
			if _, err := g.ByToken(t.Context(), token); diag.KindOf(err) != diag.Unauthenticated || !strings.Contains(err.Error(), "expired") {
				t.Errorf("after its end: %v", err)
			}
			clock.Step(time.Minute)
		}
	})
}

func TestForgetUser(t *testing.T) {
	t.Parallel()
	r := newRegister()
	token := r.add(diag.Token{Scope: diag.ScopeAll}, diag.User{Num: 1, Name: "ann"})
	g := auth.New(r, diag.NewStepClock(), nil)
	if _, err := g.ByToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	r.users[1] = diag.User{Num: 1, Name: "ann", Admin: true}
	g.ForgetUser(2)
	if c, _ := g.ByToken(t.Context(), token); c.User.Admin {
		t.Error("looked up anew for another user")
	}
	g.ForgetUser(1)
	if c, _ := g.ByToken(t.Context(), token); !c.User.Admin {
		t.Error("the user as before")
	}
}

// FuzzBasic: whatever stands in the header, it is refused in order.
func FuzzBasic(f *testing.F) {
	f.Add("Basic YW5uOnBhc3N3b3Jk")
	f.Add("Basic =")
	f.Add("basic \x00")
	f.Add("Bearer 0123456789abcdef0123456789abcdef01234567")
	r := newRegister()
	clock := diag.NewStepClock()
	g := auth.New(r, clock, nil)
	f.Fuzz(func(t *testing.T, header string) {
		request := httptest.NewRequestWithContext(context.Background(), "GET", "/", nil)
		request.Header["Authorization"] = []string{header}
		_, err := g.Caller(request)
		if kind := diag.KindOf(err); err == nil || kind != diag.Unauthenticated && kind != diag.RateLimited {
			t.Errorf("%q: %v", header, err)
		}
	})
}

// FuzzPasswordHash: whatever stands in the register, it is right or wrong, and takes no more than a hash of ours.
func FuzzPasswordHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")
	f.Add("$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")
	f.Add("$argon2id$v=19$m=0,t=0,p=0$$")
	f.Add("$2a$10$abcdefghijklmnopqrstuv")
	f.Fuzz(func(t *testing.T, hash string) {
		r := newRegister()
		r.users[1], r.hashes[1] = diag.User{Num: 1, Name: "ann"}, hash
		g := auth.New(r, diag.NewStepClock(), nil)
		if _, err := g.ByPassword(t.Context(), "192.0.2.1:1", "ann", "wrong"); err == nil || diag.KindOf(err) != diag.Unauthenticated {
			t.Errorf("%q: %v", hash, err)
		}
	})
}
