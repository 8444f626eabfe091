package trino

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// cursor walks through JSON that encoding/json has found to be well-formed, and
// so need not look at it once more. The rows are most of what is received;
// making values of them first took most of the time.
type cursor struct {
	data []byte
	pos  int
}

// peek returns the next byte that is no space; 0 at the end.
func (c *cursor) peek() byte {
	for ; c.pos < len(c.data); c.pos++ {
		switch b := c.data[c.pos]; b {
		case ' ', '\t', '\r', '\n':
		default:
			return b
		}
	}
	return 0
}

// null skips a null, if there is one.
func (c *cursor) null() bool {
	if c.peek() != 'n' {
		return false
	}
	c.pos += len("null")
	return true
}

// enter goes into an array or object.
func (c *cursor) enter(open byte) error {
	if got := c.peek(); got != open {
		return fmt.Errorf("the server sent %q where %q belongs", got, open)
	}
	c.pos++
	return nil
}

// more reports whether another value or member follows, and goes there; else it
// leaves the array or object.
func (c *cursor) more(end byte) bool {
	b := c.peek()
	if b == ',' {
		c.pos++
		return true
	}
	if b == end || b == 0 {
		c.pos++
		return false
	}
	return true
}

// scalar returns a string, number or truth value as text. It stays valid as long
// as the data does.
func (c *cursor) scalar() (text []byte, quoted bool, err error) {
	switch c.peek() {
	case '"':
		text, err = c.text()
		return text, true, err
	case '[', '{', ']', '}', 0:
		return nil, false, fmt.Errorf("the server sent %q where a single value belongs", c.peek())
	}
	start := c.pos
	for c.pos < len(c.data) && !ends(c.data[c.pos]) {
		c.pos++
	}
	return c.data[start:c.pos], false, nil
}

// ends reports whether b stands after a number or truth value.
func ends(b byte) bool {
	switch b {
	case ' ', '\t', '\r', '\n', ',', ':', ']', '}':
		return true
	}
	return false
}

// text returns a string.
func (c *cursor) text() ([]byte, error) {
	start := c.pos
	escaped := false
	for c.pos++; c.pos < len(c.data) && c.data[c.pos] != '"'; c.pos++ {
		if c.data[c.pos] == '\\' {
			escaped = true
			c.pos++
		}
	}
	c.pos++
	raw := c.data[start:min(c.pos, len(c.data))]
	if !utf8.Valid(raw) {
		return nil, errors.New("the server sent text that is not UTF-8")
	}
	if !escaped {
		return raw[1 : len(raw)-1], nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	return []byte(s), nil
}
