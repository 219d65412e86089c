package store

import (
	"database/sql"
	"errors"
	"strings"
	"sync"
)

// wordCache remembers numbers of texts that repeat in rows (versions, models, countries), both ways. Number
// 0 is "". It holds texts without the personal: user and install ids stand in their rows.
type wordCache struct {
	mu     sync.Mutex
	number map[string]int64
	text   map[int64]string
}

const (
	maxCachedWords = 16384
	maxCachedWord  = 256 // bytes; longer texts are looked up each time
)

func (c *wordCache) put(n int64, text string) {
	if len(text) > maxCachedWord {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.number == nil || len(c.number) >= maxCachedWords {
		c.number, c.text = map[string]int64{}, map[int64]string{}
	}
	text = strings.Clone(text) // may be part of a whole log
	c.number[text], c.text[n] = n, text
}

func (c *wordCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number, c.text = nil, nil
}

func (c *wordCache) byText(text string) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.number[text]
	return n, ok
}

func (c *wordCache) byNumber(n int64) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, ok := c.text[n]
	return text, ok
}

// find returns a text's number; false if no row can have it.
func (c *wordCache) find(t *tx, text string) (n int64, ok bool, err error) {
	if text == "" {
		return 0, true, nil
	}
	if n, ok := c.byText(text); ok {
		return n, true, nil
	}
	err = t.get([]any{&n}, "SELECT num FROM word WHERE text = $1", text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err == nil {
		c.put(n, text)
	}
	return n, err == nil, err
}

// read returns the text of a number.
func (c *wordCache) read(t *tx, n int64) (string, error) {
	if n == 0 {
		return "", nil
	}
	if text, ok := c.byNumber(n); ok {
		return text, nil
	}
	var text string
	err := t.get([]any{&text}, "SELECT text FROM word WHERE num = $1", n)
	if err == nil {
		c.put(n, text)
	}
	return text, err
}

// wordArg gives numbers to texts while arguments are put together and keeps the first error, so that lists of
// arguments read as lists. Numbers that it gives are known to others once its transaction is committed.
type wordArg struct {
	t     *tx
	cache *wordCache
	given map[string]int64
	err   error
}

func (w *wordArg) num(text string) int64 {
	if n, ok := w.given[text]; ok {
		return n
	}
	n, ok, err := w.cache.find(w.t, text)
	if err == nil && !ok {
		n, err = w.give(text)
	}
	if err != nil && w.err == nil {
		w.err = err
	}
	return n
}

// known is num for a text that need not get a number.
func (w *wordArg) known(text string) (n int64, ok bool, err error) {
	if n, ok := w.given[text]; ok {
		return n, true, nil
	}
	return w.cache.find(w.t, text)
}

func (w *wordArg) give(text string) (n int64, err error) {
	err = w.t.get([]any{&n}, "INSERT INTO word (num, text) VALUES ((SELECT COALESCE(MAX(num), 0) + 1 FROM word), $1) RETURNING num", text)
	if err != nil {
		return 0, err
	}
	if w.given == nil {
		w.given = map[string]int64{}
		w.t.after = append(w.t.after, w.publish)
	}
	w.given[text] = n
	return n, nil
}

func (w *wordArg) publish() {
	for text, n := range w.given {
		w.cache.put(n, text)
	}
}

// wordColumns reads numbers and turns them into texts once the row is scanned, for the row's own query must
// be over by then.
type wordColumns struct {
	nums  []int64
	texts []*string
}

func newWordColumns(texts ...*string) *wordColumns {
	return &wordColumns{nums: make([]int64, len(texts)), texts: texts}
}

func (w *wordColumns) scan() []any {
	dest := make([]any, len(w.nums))
	for i := range w.nums {
		dest[i] = &w.nums[i]
	}
	return dest
}

func (w *wordColumns) resolve(t *tx, c *wordCache) error {
	for i, n := range w.nums {
		text, err := c.read(t, n)
		if err != nil {
			return err
		}
		*w.texts[i] = text
	}
	return nil
}
