// Package archivetest makes archives that look like real ones, for benchmarks and tests of everything that
// reads archives. The same seed gives the same bytes.
package archivetest

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"lifeboat/internal/archive"
	"lifeboat/internal/diag"
)

// Generator makes the arrays of one app, minute by minute.
type Generator struct {
	App      diag.ID
	rand     *rand.Rand
	installs []diag.InstallID
	reports  map[diag.InstallID]int
}

// New makes a generator with so many installs. A few of them send most of the logs (Zipf).
func New(seed uint64, installs int) *Generator {
	g := &Generator{rand: rand.New(rand.NewPCG(seed, 0)), reports: map[diag.InstallID]int{}}
	g.App = g.id()
	for range installs {
		g.installs = append(g.installs, diag.InstallID(g.id().String()))
	}
	return g
}

func (g *Generator) id() diag.ID {
	var id diag.ID
	binary.BigEndian.PutUint64(id[:8], g.rand.Uint64())
	binary.BigEndian.PutUint64(id[8:], g.rand.Uint64())
	return id
}

// Install is the n-th install; small n send much, large n little.
func (g *Generator) Install(n int) diag.InstallID { return g.installs[n] }

func (g *Generator) install() diag.InstallID {
	n := int(math.Pow(float64(len(g.installs)), g.rand.Float64())) - 1
	return g.installs[min(n, len(g.installs)-1)]
}

// Logs is the analytics array of a minute with at least size bytes.
func (g *Generator) Logs(m diag.Minute, size int) []byte {
	return g.array(size, func() archive.Record { return g.event(m) })
}

// Crashes is the array of crash records of a minute with at least size bytes. Each points to a payload.
func (g *Generator) Crashes(m diag.Minute, size int) []byte {
	return g.array(size, func() archive.Record { return g.crash(m) })
}

func (g *Generator) array(size int, record func() archive.Record) []byte {
	b := append(make([]byte, 0, size+8<<10), '[')
	for len(b) < size {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = record().AppendJSON(b)
	}
	return append(b, ']')
}

func (g *Generator) event(m diag.Minute) archive.Record {
	e := diag.Event{Name: "Checkout", UserID: fmt.Sprintf("user-%d@example.com", g.rand.IntN(1e6)), Device: g.device()}
	e.Kind, e.ID, e.Session, e.Timestamp = diag.KindEvent, g.id(), g.id(), diag.DeviceTimeOf(m.Start().Time())
	for i := range g.rand.IntN(12) {
		e.Properties = append(e.Properties, diag.Property{Name: fmt.Sprintf("Property %d", i), Value: strings.Repeat("värde ", g.rand.IntN(12))})
	}
	if g.rand.IntN(100) == 0 {
		e.Properties = append(e.Properties, diag.Property{Name: "InstallId", Value: string(g.install())}) // of another: no match
	}
	return archive.FromEvent(&e, archive.Meta{AppID: g.App, Install: g.install(), Ingress: m.Start(), Correlation: g.id()})
}

func (g *Generator) crash(m diag.Minute) archive.Record {
	rep := diag.Report{ID: g.id(), Kind: diag.KindManagedError, Timestamp: diag.DeviceTimeOf(m.Start().Time()), Session: g.id(), Device: g.device(),
		ProcessName: "com.acme.shop", ProcessID: "4711", ErrorThreadName: "main", Architecture: "arm64-v8a"}
	v := diag.Verdict{Reason: diag.ReasonFrame{ExceptionType: "java.lang.IllegalStateException", ExceptionMessage: "cart \"" + strings.Repeat("x", g.rand.IntN(200)) + "\"\n\tis gone",
		CodeRaw: "com.acme.shop.Cart.total(Cart.java:42)", Frame: diag.Frame{Class: "com.acme.shop.Cart", Method: "total", File: "Cart.java", Line: 42, AppCode: true}}}
	pointer := archive.PayloadName(archive.Prefix(g.App, true, m), false, diag.ReportID(rep.Timestamp, rep.ID), 1)
	return archive.FromReport(&rep, &v, archive.Meta{AppID: g.App, Install: g.install(), Ingress: m.Start(), Correlation: g.id(), Pointer: pointer, ErrorGroupID: "1234567u", State: diag.Symbolicated})
}

func (g *Generator) device() diag.Device {
	return diag.Device{SDKName: "appcenter.android", SDKVersion: "5.0.4", Model: fmt.Sprintf("Pixel %d", g.rand.IntN(9)), OEMName: "Google", OSName: "Android", OSVersion: "14",
		OSBuild: "UP1A.231005.007", OSAPILevel: 34, Locale: "sv_SE", TimeZoneOffset: 60, HasTimeZoneOffset: true, ScreenSize: "1080x2400", AppVersion: fmt.Sprintf("2.%d.0", g.rand.IntN(20)),
		AppBuild: "231", AppNamespace: "com.acme.shop", CarrierName: "Telia", CarrierCountry: "se"}
}
