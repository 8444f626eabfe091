package check

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"strings"
)

// Manifest is what go_plugin_build_manifest says of the plugin's sources: a line
// with sum and name of each Go file, by which reviewers see that an archive was
// built from them.
func Manifest(folder fs.FS) (string, error) {
	var out strings.Builder
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "node_modules" || name == "dist"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%x:%s\n", sha256.Sum256(text), name)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("list the plugin's sources: %w", err)
	}
	return out.String(), nil
}
