package trinoserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Install is an unpacked Trino, and the Java that runs it.
type Install struct {
	Version string
	// Dir has lib and plugin of the server.
	Dir  string
	Java Java
}

// Fetch returns the newest Trino that a Java of this machine runs. If the cache
// does not have it, it is downloaded: some hundred megabytes, which it logs.
func Fetch(ctx context.Context, log *slog.Logger) (*Install, error) {
	r, java, err := choose(releases, findJava(ctx, javaPrograms(javaPlaces)))
	if err != nil {
		return nil, err
	}
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	install := &Install{Version: r.version, Dir: filepath.Join(cache, r.version), Java: java}
	if err := ensure(ctx, r, install.Dir, log); err != nil {
		return nil, fmt.Errorf("get Trino %s: %w", r.version, err)
	}
	return install, nil
}

// cacheDir is where unpacked servers are kept.
func cacheDir() (string, error) {
	cache := os.Getenv("TEST_TRINO_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find the cache directory: %w; set TEST_TRINO_CACHE", err)
		}
		cache = filepath.Join(dir, "kmstrail")
	}
	return filepath.Abs(filepath.Join(cache, "trino"))
}

// ensure downloads a release into dir unless it is there. The directory appears
// whole or not at all; of several processes one downloads, the others wait.
func ensure(ctx context.Context, r release, dir string, log *slog.Logger) error {
	if isDir(dir) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	lock := flock.New(dir + ".lock")
	if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return fmt.Errorf("wait for another process that downloads it: %w", err)
	}
	defer lock.Close()
	if isDir(dir) {
		return nil
	}
	// What a killed process left is worth nothing.
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	err := download(ctx, r, dir, partial, log)
	return errors.Join(err, os.RemoveAll(partial))
}

// download fetches, checks and unpacks below partial, then renames.
func download(ctx context.Context, r release, dir, partial string, log *slog.Logger) error {
	log.InfoContext(ctx, "downloading Trino", "version", r.version, "megabytes", r.size>>20)
	began := time.Now()
	archive, err := maven(ctx, r, filepath.Join(partial, "m2"))
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "unpacking Trino", "version", r.version, "download_seconds", int(time.Since(began).Seconds()))
	began = time.Now()
	if err := checkSum(archive, r.sha256); err != nil {
		return err
	}
	unpacked := filepath.Join(partial, "server")
	if err := unpack(ctx, archive, unpacked); err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(archive), err)
	}
	if err := os.Rename(unpacked, dir); err != nil {
		return err
	}
	log.InfoContext(ctx, "unpacked Trino", "version", r.version, "dir", dir, "unpack_seconds", int(time.Since(began).Seconds()))
	return nil
}

// maven has the Maven client download a release into a repository of its own,
// so that the developer's stays as it is, and returns the archive's path.
func maven(ctx context.Context, r release, repository string) (string, error) {
	program, err := exec.LookPath("mvn")
	if err != nil {
		return "", errors.New("mvn, which downloads it, is not in PATH: install Maven (Debian, Fedora, Homebrew: maven)")
	}
	if err := os.MkdirAll(repository, 0o755); err != nil {
		return "", err
	}
	//nolint:gosec // G204: the client of PATH, with what this file says
	cmd := exec.CommandContext(ctx, program, "--batch-mode", "--quiet", "-Dmaven.repo.local="+repository,
		"dependency:get", "-Dartifact=io.trino:trino-server:"+r.version+":tar.gz", "-Dtransitive=false")
	cmd.Dir = repository // where no pom.xml has a say
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("download with Maven: %w\n%s", err, bytes.TrimSpace(out))
	}
	return filepath.Join(repository, "io/trino/trino-server", r.version, "trino-server-"+r.version+".tar.gz"), nil
}

func checkSum(file, want string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("%s has the SHA-256 sum %s instead of %s: it is not the archive that was released", filepath.Base(file), got, want)
	}
	return nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode()&fs.ModeDir != 0
}
