package access

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// tokensVersion is the version of the file's format.
const tokensVersion = 1

// tokensFile is what the file holds.
type tokensFile struct {
	Version int      `json:"version"`
	Tokens  []stored `json:"tokens"`
}

// stored is a token as the file keeps it.
type stored struct {
	Token

	Hash hash `json:"sha256"`
}

type hash [sha256.Size]byte

func (h hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

func (h *hash) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(h) {
		return errors.New("not a SHA-256")
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// maxTokensFile bounds what is read; a token takes about 300 bytes.
const maxTokensFile = 512 * maxTokens

// readTokens reads the file and what the system says of it; no file is no
// tokens. A file is replaced as a whole, so it is never read half.
func readTokens(path string) ([]stored, os.FileInfo, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read tokens: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("read tokens: %w", err)
	}
	if err := private(path, info); err != nil {
		return nil, nil, fmt.Errorf("read tokens of %s: %w", path, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxTokensFile+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read tokens: %w", err)
	}
	if len(text) > maxTokensFile {
		return nil, nil, fmt.Errorf("read tokens of %s: the file is longer than %d bytes", path, maxTokensFile)
	}
	all, err := parseTokens(text)
	if err != nil {
		return nil, nil, fmt.Errorf("read tokens of %s: %w", path, err)
	}
	return all, info, nil
}

// parseTokens reads the text of the file. A token it does not understand makes
// it refuse all: leaving one out could leave out what bounds another.
func parseTokens(text []byte) ([]stored, error) {
	var file tokensFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	if file.Version != tokensVersion {
		return nil, fmt.Errorf("the file has version %d, this kmstrail knows version %d", file.Version, tokensVersion)
	}
	seen := map[string]bool{}
	for _, s := range file.Tokens {
		if err := CheckName(s.Name); err != nil {
			return nil, err
		}
		if _, err := ParseRole(string(s.Role)); err != nil {
			return nil, fmt.Errorf("token %s: %w", s.Name, err)
		}
		if len(s.ID) != idLength || !isAlphabet(s.ID) || s.Hash == (hash{}) || seen[s.ID] || seen["name "+s.Name] {
			return nil, fmt.Errorf("token %s is not whole, or there twice", s.Name)
		}
		seen[s.ID], seen["name "+s.Name] = true, true
	}
	return file.Tokens, nil
}

// change replaces the tokens while no other process does; edit gets those of now.
func (t *Tokens) change(edit func([]stored) ([]stored, error)) error {
	lock := t.lock()
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock tokens: %w", err)
	}
	return errors.Join(keepOwner(lock.Path(), t.path), t.replace(edit), lock.Unlock())
}

// tryChange does the same, or nothing when another process is about to.
func (t *Tokens) tryChange(edit func([]stored) ([]stored, error)) error {
	lock := t.lock()
	if ok, err := lock.TryLock(); err != nil || !ok {
		return err
	}
	return errors.Join(t.replace(edit), lock.Unlock())
}

// lock is a file beside the tokens, because they themselves are replaced.
func (t *Tokens) lock() *flock.Flock {
	return flock.New(t.path+".lock", flock.SetPermissions(0o600))
}

func (t *Tokens) replace(edit func([]stored) ([]stored, error)) error {
	all, _, err := readTokens(t.path)
	if err != nil {
		return err
	}
	if all, err = edit(all); err != nil {
		return err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(tokensFile{Version: tokensVersion, Tokens: all}); err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	return t.write(b.Bytes())
}

// write puts text in the place of the file, at once and for good.
func (t *Tokens) write(text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(t.path), "."+filepath.Base(t.path)+".*") // has mode 0600
	if err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	if err := keepOwner(f.Name(), t.path); err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	if err := os.Rename(f.Name(), t.path); err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	return nil
}
