// Package instance is how the programs of one machine find the server that has
// a store open.
//
// The server keeps a directory beside the store, <db>.run, that only its own
// user may enter. In it lie the server's two unix sockets and server.json, which
// says where it listens. Whoever can open the sockets could read the store's
// file as well, so no token is asked for there.
package instance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Info is what server.json says.
type Info struct {
	PID       int       `json:"pid"`
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
	// HTTP and Flight are the addresses on the network, such as
	// https://127.0.0.1:8814 and grpc+tls://127.0.0.1:8815; "" when off.
	HTTP   string `json:"http,omitempty"`
	Flight string `json:"flight,omitempty"`
	// HTTPSocket and FlightSocket are the paths of the unix sockets.
	HTTPSocket   string `json:"http_socket"`
	FlightSocket string `json:"flight_socket"`
}

// ErrNone says that no server has told about a store.
var ErrNone = errors.New("no server runs for this store")

const infoFile = "server.json"

// maxSocketPath is what fits into a unix socket's address on every system.
const maxSocketPath = 100

// Dir is the directory of the server that has the store at db open.
func Dir(db string) string { return db + ".run" }

// Claim makes the directory, clears it of what an earlier server left, and
// returns the paths that the sockets shall have. The caller has the store open,
// so no other server can.
func Claim(db string) (Info, error) {
	dir := Dir(db)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Info{}, fmt.Errorf("make directory for the server's sockets: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory, for its owner alone
		return Info{}, fmt.Errorf("protect directory of the server's sockets: %w", err)
	}
	sockets, err := socketDir(dir)
	if err != nil {
		return Info{}, err
	}
	info := Info{HTTPSocket: filepath.Join(sockets, "http.sock"), FlightSocket: filepath.Join(sockets, "flight.sock")}
	for _, path := range []string{info.HTTPSocket, info.FlightSocket, filepath.Join(dir, infoFile)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Info{}, fmt.Errorf("remove what an earlier server left: %w", err)
		}
	}
	return info, nil
}

// socketDir is dir, or a short one when the sockets' paths would be too long.
func socketDir(dir string) (string, error) {
	if len(filepath.Join(dir, "flight.sock")) <= maxSocketPath {
		return dir, nil
	}
	sum := sha256.Sum256([]byte(dir))
	short := filepath.Join(os.TempDir(), fmt.Sprintf("kmstrail-%d-%s", os.Getuid(), hex.EncodeToString(sum[:8])))
	if err := os.Mkdir(short, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make directory for the server's sockets: %w", err)
	}
	// Everybody may write where it lies: it must not be somebody else's.
	if err := ours(short); err != nil {
		return "", fmt.Errorf("directory for the server's sockets: %w", err)
	}
	return short, nil
}

// Publish tells other programs where the server is.
func Publish(db string, info Info) error {
	text, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(Dir(db), infoFile)
	temporary := path + ".new"
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("tell where the server is: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("tell where the server is: %w", err)
	}
	return nil
}

// Withdraw takes back what Publish and the listeners left.
func Withdraw(db string, info Info) error {
	var errs []error
	for _, path := range []string{filepath.Join(Dir(db), infoFile), info.HTTPSocket, info.FlightSocket} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	// Neither directory goes while something else lies in it.
	_ = os.Remove(filepath.Dir(info.HTTPSocket))
	_ = os.Remove(Dir(db))
	return errors.Join(errs...)
}

// Find returns where the server of a store is; ErrNone when none has told. A
// server that was killed may have left its word: connecting fails then.
func Find(db string) (Info, error) {
	if target, err := filepath.EvalSymlinks(db); err == nil {
		db = target
	}
	path := filepath.Join(Dir(db), infoFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Info{}, ErrNone
	}
	if err != nil {
		return Info{}, fmt.Errorf("find the server of %s: %w", db, err)
	}
	var info Info
	if err := json.Unmarshal(text, &info); err != nil {
		return Info{}, fmt.Errorf("find the server of %s: read %s: %w", db, path, err)
	}
	// What a server that was killed has said may be old, and its sockets' short
	// directory gone: everybody may make one of that name then.
	for _, socket := range []string{info.HTTPSocket, info.FlightSocket} {
		if err := ofOwner(filepath.Dir(socket), Dir(db)); errors.Is(err, fs.ErrNotExist) {
			return Info{}, ErrNone
		} else if err != nil {
			return Info{}, fmt.Errorf("find the server of %s: %w", db, err)
		}
	}
	return info, nil
}
