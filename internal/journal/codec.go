package journal

import (
	_ "embed"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
)

// The dictionaries, oldest first. They are made from synthetic logs only (see dictgen), so that they hold
// nobody's data. A released one is never changed or removed: segments name theirs by id and hash.
//
//go:generate go run ./dictgen -out dictionaries/1.zdict
var (
	//go:embed dictionaries/1.zdict
	dictionary1 []byte
)

// dictionaries lists the embedded ones by id - 1; the last is used for writing.
func dictionaries() [][]byte { return [][]byte{dictionary1} }

const (
	encoders   = 2
	windowSize = 256 << 10 // bounds an encoder's memory; attachments gain little from more
)

// codec turns payloads into zstd frames and back. At most two frames are in work each way; others wait.
type codec struct {
	encoder  *zstd.Encoder
	decoder  *zstd.Decoder
	dict     uint32 // id of the dictionary that is written with
	dictHash uint64
	hashes   map[uint32]uint64
}

func newCodec() (*codec, error) {
	all := dictionaries()
	c := &codec{dict: uint32(len(all)), hashes: make(map[uint32]uint64)}
	for i, d := range all {
		c.hashes[uint32(i+1)] = xxhash.Sum64(d)
	}
	c.dictHash = c.hashes[c.dict]
	var err error
	c.encoder, err = zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(encoders),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(windowSize),
		zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true), zstd.WithEncoderDict(all[len(all)-1]),
		zstd.WithNoEntropyCompression(true)) // a crash of 7 KB takes a tenth more room and a fifth less time
	if err != nil {
		return nil, fmt.Errorf("journal: dictionary %d: %w", c.dict, err)
	}
	c.decoder, err = zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(encoders), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(MaxPayload), zstd.WithDecoderDicts(all...))
	if err != nil {
		return nil, fmt.Errorf("journal: dictionaries: %w", err)
	}
	return c, nil
}

// knows reports whether frames that name the dictionary can be decoded.
func (c *codec) knows(dict uint32, hash uint64) bool {
	known, ok := c.hashes[dict]
	return dict == 0 || ok && known == hash
}

func (c *codec) encode(dst, payload []byte) []byte { return c.encoder.EncodeAll(payload, dst) }

var errRawSize = errors.New("journal: frame does not decode to the size that its header says")

func (c *codec) decode(dst, stored []byte, raw int) ([]byte, error) {
	start := len(dst)
	if cap(dst)-start < raw {
		dst = append(make([]byte, 0, start+raw), dst...)
	}
	out, err := c.decoder.DecodeAll(stored, dst)
	if err != nil {
		return dst, fmt.Errorf("journal: decode a frame: %w", err)
	}
	if len(out)-start != raw {
		return dst, errRawSize
	}
	return out, nil
}

func (c *codec) close() {
	c.encoder.Close()
	c.decoder.Close()
}
