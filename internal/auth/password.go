package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"lifeboat/internal/diag"
)

// The parameters of new hashes: the first choice of the OWASP Password Storage Cheat Sheet.
const (
	hashMemory = 19 << 10 // KiB
	hashPasses = 2
	hashLanes  = 1
	saltBytes  = 16
	hashBytes  = 32
)

// The bounds of a hash that is read: what is beyond was not made here, and would take the server's memory.
const (
	maxHashText   = 256
	maxHashMemory = 64 << 10 // KiB
	maxHashPasses = 10
	maxHashLanes  = 4
)

// The length of passwords.
const (
	minPassword = 10  // characters
	maxPassword = 500 // bytes
)

// passwordHash is argon2id of a password, in text the PHC string format.
type passwordHash struct {
	memory, passes uint32
	lanes          uint8
	salt, sum      []byte
}

func newPasswordHash(password string) passwordHash {
	h := passwordHash{memory: hashMemory, passes: hashPasses, lanes: hashLanes, salt: make([]byte, saltBytes)}
	rand.Read(h.salt)
	h.sum = h.of(password, hashBytes)
	return h
}

func (h *passwordHash) of(password string, length int) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(length))
}

func (h *passwordHash) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.of(password, len(h.sum)), h.sum) == 1
}

// String is the PHC text.
func (h *passwordHash) String() string {
	text := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.lanes, text(h.salt), text(h.sum))
}

// parsePasswordHash reads a PHC text as String writes it, within bounds.
func parsePasswordHash(text string) (h passwordHash, ok bool) {
	parts := strings.Split(text, "$")
	if len(text) > maxHashText || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, false
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); n != 3 || err != nil {
		return h, false
	}
	var saltErr, sumErr error
	h.salt, saltErr = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.sum, sumErr = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if saltErr != nil || sumErr != nil || h.String() != text {
		return h, false
	}
	return h, h.memory >= 8*uint32(h.lanes) && h.memory <= maxHashMemory && h.passes >= 1 && h.passes <= maxHashPasses &&
		h.lanes >= 1 && h.lanes <= maxHashLanes && len(h.salt) >= 8 && len(h.sum) >= 16
}

// hasher bounds how many passwords are hashed at once, since each takes 19 MiB, and how many wait for that.
type hasher struct {
	running chan struct{}
	waiting chan struct{}
}

const (
	hashesAtOnce  = 2
	hashesWaiting = 64
)

func newHasher() hasher {
	return hasher{running: make(chan struct{}, hashesAtOnce), waiting: make(chan struct{}, hashesWaiting)}
}

// run calls fn when there is room for it. Beyond the bound it is Busy.
func (h *hasher) run(ctx context.Context, fn func()) error {
	select {
	case h.waiting <- struct{}{}:
		defer func() { <-h.waiting }()
	default:
		return diag.Errorf(diag.Busy, "Too many people sign in at once. Try again in a moment.")
	}
	select {
	case h.running <- struct{}{}:
		defer func() { <-h.running }()
	case <-ctx.Done():
		return ctx.Err()
	}
	fn()
	return nil
}

// HashPassword makes what is stored of a new password: argon2id, as PHC text. A password that will not do is
// Invalid.
func (g *Gate) HashPassword(ctx context.Context, password string) (hash string, err error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	err = g.hasher.run(ctx, func() {
		h := newPasswordHash(password)
		hash = h.String()
	})
	return hash, err
}

func checkPassword(password string) error {
	switch {
	case !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl):
		return diag.Errorf(diag.Invalid, "A password is a text in UTF-8 without control characters.")
	case utf8.RuneCountInString(password) < minPassword:
		return diag.Errorf(diag.Invalid, "The password is too short: at least %d characters.", minPassword)
	case len(password) > maxPassword:
		return diag.Errorf(diag.Invalid, "The password is too long: at most %d bytes.", maxPassword)
	}
	return nil
}
