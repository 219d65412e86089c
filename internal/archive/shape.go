package archive

// shape remembers how the records before wrote the names of their members and in which order: records of one
// writer are alike, and comparing with the name that is to be expected is cheaper than reading it. It
// decides nothing: what it does not know is read in full.
type shape struct {
	names []written // names[0] stands for the start of a record
	index map[string]int
	last  int // the name that was met last
}

// written is a member name with all that stands around it up to the first byte of a text: `"AppId":"`.
type written struct {
	text    string
	install bool // means InstallId
	next    int  // the name that followed the last time
}

// The bounds of what a hostile archive can make a shape remember.
const (
	maxNames      = 256
	maxNameLength = 64
)

func newShape() *shape {
	return &shape{names: []written{{text: "\x00"}}, index: map[string]int{}} // no name begins so
}

// begin is called at the start of a record.
func (s *shape) begin() { s.last = 0 }

// expected is the length of the expected name if it stands at the start of b, else 0.
func (s *shape) expected(b []byte) (length int, install bool) {
	next := s.names[s.last].next
	n := &s.names[next]
	if len(b) < len(n.text) || string(b[:len(n.text)]) != n.text {
		return 0, false
	}
	s.last = next
	return len(n.text), n.install
}

// learn notes a name that was not the expected one.
func (s *shape) learn(text []byte, install bool) {
	k, known := s.index[string(text)]
	if !known {
		if len(s.names) == maxNames || len(text) > maxNameLength {
			s.last = 0
			return
		}
		k = len(s.names)
		s.names = append(s.names, written{text: string(text), install: install})
		s.index[s.names[k].text] = k
	}
	s.names[s.last].next = k
	s.last = k
}
