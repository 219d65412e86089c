package journaltest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"

	"lifeboat/internal/journal"
)

// Fault is what happens at one step of a Disk.
type Fault uint8

// The faults.
const (
	None      Fault = iota
	Crash           // the machine stops before the step ends; every later step fails
	NotStored       // the step fails and what it should have stored is lost
	Stored          // the step fails, but what it should have stored is there
)

// Errors that a Disk returns for its faults.
var (
	ErrCrashed = errors.New("journaltest: the machine has crashed")
	ErrFault   = errors.New("journaltest: the step failed")
)

// Step is one change that was asked of a Disk.
type Step struct {
	N    int    // counts from 1
	Kind string // mkdir, create, remove, write, truncate, sync, syncdir, floor, intent
	Name string
}

// Disk is a file system in memory that forgets what was not synced when it crashes. It also counts the steps
// of a Register, so that a test can walk through all of them.
type Disk struct {
	mu      sync.Mutex
	steps   int
	fault   func(Step) Fault
	crashed bool
	files   map[string]*inode // as running programs see them
	durable map[string]*inode // names that survive a crash for sure
}

// inode is a file's content: what is safe, and what was written since.
type inode struct {
	data    []byte
	stable  []byte
	pending []change
}

type change struct {
	offset   int64
	data     []byte
	truncate bool
}

// NewDisk is empty. fault, if not nil, decides about every step.
func NewDisk(fault func(Step) Fault) *Disk {
	return &Disk{fault: fault, files: map[string]*inode{}, durable: map[string]*inode{}}
}

// At makes a fault function that strikes at one step only.
func At(n int, f Fault) func(Step) Fault {
	return func(s Step) Fault {
		if s.N == n {
			return f
		}
		return None
	}
}

// Steps is how many steps there were.
func (d *Disk) Steps() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.steps
}

// Halt crashes the disk between two steps.
func (d *Disk) Halt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crashed = true
}

// Restart is the disk after a crash of the machine: what was not synced is kept, lost or torn at random.
func (d *Disk) Restart(rng *rand.Rand, fault func(Step) Fault) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crashed = true
	n := NewDisk(fault)
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		if _, ok := d.durable[name]; !ok && rng.IntN(2) == 0 {
			continue
		}
		content := d.files[name].survive(rng)
		n.files[name] = &inode{data: content, stable: slices.Clone(content)}
		n.durable[name] = n.files[name]
	}
	for _, name := range slices.Sorted(maps.Keys(d.durable)) {
		if d.files[name] != nil || rng.IntN(2) == 0 {
			continue
		}
		content := d.durable[name].survive(rng) // its removal was not synced
		n.files[name] = &inode{data: content, stable: slices.Clone(content)}
		n.durable[name] = n.files[name]
	}
	return n
}

// Kill is the disk after a crash of the program alone: everything written is there, synced or not.
func (d *Disk) Kill(fault func(Step) Fault) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crashed = true
	n := NewDisk(fault)
	for name, f := range d.files {
		n.files[name] = &inode{data: slices.Clone(f.data), stable: slices.Clone(f.stable), pending: slices.Clone(f.pending)}
		if _, ok := d.durable[name]; ok {
			n.durable[name] = n.files[name]
		}
	}
	for name, f := range d.durable {
		if d.files[name] == nil {
			n.durable[name] = f
		}
	}
	return n
}

func (f *inode) survive(rng *rand.Rand) []byte {
	content := slices.Clone(f.stable)
	for _, c := range f.pending {
		switch rng.IntN(3) {
		case 0:
			continue
		case 1:
			if len(c.data) > 0 {
				c.data = c.data[:rng.IntN(len(c.data))]
			}
		}
		content = c.apply(content)
	}
	return content
}

func (c *change) apply(content []byte) []byte {
	if c.truncate {
		return append(content[:min(int64(len(content)), c.offset)], make([]byte, max(0, c.offset-int64(len(content))))...)
	}
	if grow := c.offset + int64(len(c.data)) - int64(len(content)); grow > 0 && len(c.data) > 0 {
		content = append(content, make([]byte, grow)...)
	}
	copy(content[min(c.offset, int64(len(content))):], c.data)
	return content
}

// step counts a step, and decides whether it is done and what it returns.
func (d *Disk) step(kind, name string) (do bool, err error) {
	if d.crashed {
		return false, ErrCrashed
	}
	d.steps++
	if d.fault == nil {
		return true, nil
	}
	switch d.fault(Step{d.steps, kind, name}) {
	case Crash:
		d.crashed = true
		return kind == "write", ErrCrashed // a write may have got to the disk in part
	case NotStored:
		return false, fmt.Errorf("%s %s: %w", kind, name, ErrFault)
	case Stored:
		return true, fmt.Errorf("%s %s: %w", kind, name, ErrFault)
	}
	return true, nil
}

// Corrupt lets a test change a file's content at rest.
func (d *Disk) Corrupt(name string, change func([]byte) []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	f.data = change(slices.Clone(f.data))
	f.stable, f.pending = slices.Clone(f.data), nil
}

// Content is what a file holds.
func (d *Disk) Content(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.files[name].data)
}

// Names lists all files.
func (d *Disk) Names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.files))
}

// Mkdir is a step; folders need not be made.
func (d *Disk) Mkdir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.step("mkdir", dir)
	return err
}

// List names the files in a folder.
func (d *Disk) List(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.crashed {
		return nil, ErrCrashed
	}
	var names []string
	for name := range d.files {
		if filepath.Dir(name) == filepath.Clean(dir) {
			names = append(names, filepath.Base(name))
		}
	}
	return names, nil
}

// Create makes a file whose name is lost in a crash until SyncDir.
func (d *Disk) Create(name string) (journal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files[name] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	do, err := d.step("create", name)
	if do {
		d.files[name] = &inode{}
	}
	if err != nil {
		return nil, err
	}
	return &file{d, name, d.files[name], true}, nil
}

// Open opens a file.
func (d *Disk) Open(name string, write bool) (journal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.crashed {
		return nil, ErrCrashed
	}
	f := d.files[name]
	if f == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{d, name, f, write}, nil
}

// Remove removes a file. Its name may come back in a crash until SyncDir.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	do, err := d.step("remove", name)
	if do {
		delete(d.files, name)
	}
	return err
}

// SyncDir makes the names in a folder durable.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	do, err := d.step("syncdir", dir)
	if do && !d.crashed {
		for name, f := range d.files {
			if filepath.Dir(name) == filepath.Clean(dir) {
				d.durable[name] = f
			}
		}
		for name := range d.durable {
			if d.files[name] == nil && filepath.Dir(name) == filepath.Clean(dir) {
				delete(d.durable, name)
			}
		}
	}
	return err
}

type file struct {
	disk  *Disk
	name  string
	inode *inode
	write bool
}

func (f *file) ReadAt(b []byte, offset int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.crashed {
		return 0, ErrCrashed
	}
	if offset >= int64(len(f.inode.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.inode.data[offset:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(b []byte, offset int64) (int, error) {
	if err := f.change("write", change{offset: offset, data: slices.Clone(b)}); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (f *file) Truncate(size int64) error {
	return f.change("truncate", change{offset: size, truncate: true})
}

func (f *file) change(kind string, c change) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if !f.write {
		return &fs.PathError{Op: kind, Path: f.name, Err: fs.ErrPermission}
	}
	do, err := f.disk.step(kind, f.name)
	if do {
		f.inode.data = c.apply(f.inode.data)
		f.inode.pending = append(f.inode.pending, c)
	}
	return err
}

// Sync that fails without storing loses what was written for good, though it can still be read: so do Linux
// file systems, where a second sync then succeeds.
func (f *file) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	do, err := f.disk.step("sync", f.name)
	if f.disk.crashed {
		return err
	}
	if do {
		f.inode.stable = slices.Clone(f.inode.data)
	}
	f.inode.pending = nil
	return err
}

func (f *file) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.crashed {
		return 0, ErrCrashed
	}
	return int64(len(f.inode.data)), nil
}

func (f *file) Close() error { return nil }
