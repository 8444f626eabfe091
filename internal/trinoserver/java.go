package trinoserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Java is a Java runtime on this machine.
type Java struct {
	// Path is the program.
	Path string
	// Version is what it says of itself, such as 25.0.3; Major is its 25.
	Version string
	Major   int
}

// javaPlaces are where packages and installers put Java.
var javaPlaces = []string{
	"/usr/lib/jvm/*/bin/java",
	"/Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java",
}

// javaPrograms lists the Java programs to ask: the one of JAVA_HOME, the one in
// PATH, then those in the given places.
func javaPrograms(places []string) []string {
	var found []string
	if home := os.Getenv("JAVA_HOME"); home != "" {
		found = append(found, filepath.Join(home, "bin", "java"))
	}
	if program, err := exec.LookPath("java"); err == nil {
		found = append(found, program)
	}
	for _, place := range places {
		// The patterns are ours: the only error Glob has cannot occur.
		programs, _ := filepath.Glob(place)
		found = append(found, programs...)
	}
	return found
}

// findJava asks the programs for their versions. One that is a link to another
// is named once; one that does not run is none.
func findJava(ctx context.Context, programs []string) []Java {
	var found []Java
	var seen []string
	for _, program := range programs {
		program, err := filepath.EvalSymlinks(program)
		if err != nil || slices.Contains(seen, program) {
			continue
		}
		seen = append(seen, program)
		if java, err := askJava(ctx, program); err == nil {
			found = append(found, java)
		}
	}
	return found
}

var javaVersion = regexp.MustCompile(`version "((?:1\.)?(\d+)[^"]*)"`)

func askJava(ctx context.Context, program string) (Java, error) {
	out, err := exec.CommandContext(ctx, program, "-version").CombinedOutput()
	if err != nil {
		return Java{}, fmt.Errorf("ask %s for its version: %w", program, err)
	}
	m := javaVersion.FindSubmatch(out)
	if m == nil {
		return Java{}, fmt.Errorf("%s -version does not say a version: %q", program, out)
	}
	major, err := strconv.Atoi(string(m[2]))
	if err != nil {
		return Java{}, fmt.Errorf("version of %s: %w", program, err)
	}
	return Java{Path: program, Version: string(m[1]), Major: major}, nil
}

// release is a Trino that this package knows how to run.
type release struct {
	version string
	// java is the oldest Java it runs on: that of its class files, not the lower
	// one that its main class asks for.
	java int
	// sha256 and size are those of the archive.
	sha256 string
	size   int64
}

// releases are the known ones, newest first. 476 is the last that the registry
// has; of those for older Javas it has none whose SQL is near that of Athena.
var releases = []release{
	{version: "476", java: 24, sha256: "cfd5accde17e8ebd251eeeb78aed1f490e77bb3a164d95a0f454bf8a7c1cbd3f", size: 821045832},
}

// choose takes the newest release that one of the Javas runs, and the first
// Java that does.
func choose(known []release, javas []Java) (release, Java, error) {
	for _, r := range known {
		for _, java := range javas {
			if java.Major >= r.java {
				return r, java, nil
			}
		}
	}
	oldest := known[len(known)-1]
	found := []string{"found none"}
	for i, java := range javas {
		if i == 0 {
			found[0] = "found"
		}
		found = append(found, fmt.Sprintf("%s (%s)", java.Version, java.Path))
	}
	return release{}, Java{}, errors.New("Trino " + oldest.version + " needs Java " + strconv.Itoa(oldest.java) + " or newer, " +
		strings.Join(found, " ") + ": install a newer one, such as Temurin 25, and set JAVA_HOME to its directory")
}
