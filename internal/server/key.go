package server

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"lifeboat/internal/diag"
)

// The purposes of keys that come from the master key. They are stored by their effects: never rename.
const (
	forJournal  = "journal"  // install hashes and segment salts
	forInstalls = "installs" // names of blocked installs
	forSeal     = "seal"     // connection strings at rest
	forSecrets  = "secrets"  // tells a changed connection string from the same one
	forURLs     = "urls"     // signed URLs and page tokens
	forLogs     = "logs"     // names of deleted logs
	forCookies  = "cookies"  // sessions of browsers
	forBackups  = "backups"  // tells whether a key is that of a backup
)

// derive makes the key for one purpose.
func derive(master [32]byte, purpose string) (key [32]byte) {
	mac := hmac.New(sha256.New, master[:])
	mac.Write([]byte(purpose))
	copy(key[:], mac.Sum(nil))
	return key
}

// sealer keeps connection strings unreadable for who has the register but not the key.
type sealer struct {
	aead cipher.AEAD
	hash [32]byte
}

func newSealer(master [32]byte) (*sealer, error) {
	key := derive(master, forSeal)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &sealer{aead, derive(master, forSecrets)}, err
}

// seal encrypts a secret for one configuration: AES-256-GCM, nonce first, the configuration's id as
// additional data, so that a sealed secret cannot be moved to another one.
func (s *sealer) seal(of diag.ID, secret string) []byte {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(secret)+s.aead.Overhead())
	rand.Read(nonce)
	return s.aead.Seal(nonce, nonce, []byte(secret), of[:])
}

var errSealed = errors.New("server: a sealed secret cannot be opened with this key")

func (s *sealer) open(of diag.ID, sealed []byte) (string, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return "", errSealed
	}
	secret, err := s.aead.Open(nil, sealed[:n], sealed[n:], of[:])
	if err != nil {
		return "", errSealed
	}
	return string(secret), nil
}

// tag is a keyed hash of a secret.
func (s *sealer) tag(secret string) []byte {
	mac := hmac.New(sha256.New, s.hash[:])
	mac.Write([]byte(secret))
	return mac.Sum(nil)
}
