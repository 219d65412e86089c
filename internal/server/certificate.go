package server

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"

	"lifeboat/internal/diag"
)

// fileCertificate is a certificate in files, read again when they change: whoever renews it need not stop us.
type fileCertificate struct {
	certFile, keyFile string
	clock             diag.Clock
	log               *slog.Logger

	mu     sync.Mutex
	cert   *tls.Certificate
	read   stamp         // of what cert was read from
	failed stamp         // of what could not be used
	looked time.Duration // when we looked
}

// stamp tells files from those that were there before.
type stamp struct {
	cert, key fileStamp
}

type fileStamp struct {
	at   time.Time
	size int64
}

// lookAgain is how often the files are looked at.
const lookAgain = 10 * time.Second

func (f *fileCertificate) open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load(f.stamp())
}

func (f *fileCertificate) stamp() stamp { return stamp{stampOf(f.certFile), stampOf(f.keyFile)} }

func stampOf(path string) fileStamp {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{info.ModTime(), info.Size()}
}

func (f *fileCertificate) load(s stamp) error {
	f.looked = f.clock.Monotonic()
	cert, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
	if err != nil {
		f.failed = s
		return err
	}
	f.cert, f.read = &cert, s
	return nil
}

// get is for tls.Config. New files that cannot be used, as when one of them is not written yet, leave the old ones in
// use.
func (f *fileCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.clock.Monotonic()-f.looked < lookAgain {
		return f.cert, nil
	}
	f.looked = f.clock.Monotonic()
	s := f.stamp()
	if s == f.read {
		return f.cert, nil
	}
	known := s == f.failed
	switch err := f.load(s); {
	case err == nil:
		f.log.Info("the certificate has changed and is in use", "file", f.certFile, "until", f.cert.Leaf.NotAfter)
	case !known:
		f.log.Error("the certificate has changed and cannot be used: the one before stays in use", "file", f.certFile, "error", err)
	}
	return f.cert, nil
}
