package trinoserver

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// script writes a program for the shell.
func script(t *testing.T, name, body string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func fakeJava(t *testing.T, name, version string) string {
	t.Helper()
	return script(t, name, `echo 'openjdk version "`+version+`" 2026-04-21 LTS' >&2`)
}

func TestFindJava(t *testing.T) {
	dir := t.TempDir()
	home := fakeJava(t, dir+"/home/bin/java", "17.0.15")
	inPath := fakeJava(t, dir+"/path/java", "1.8.0_412")
	third := fakeJava(t, dir+"/jvm/temurin-25/bin/java", "25.0.3")
	script(t, dir+"/jvm/broken/bin/java", "exit 1")
	script(t, dir+"/jvm/mute/bin/java", "echo hello")
	early := fakeJava(t, dir+"/jvm/early/bin/java", "26-ea")
	if err := os.Symlink(dir+"/jvm/temurin-25", dir+"/jvm/a-link"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JAVA_HOME", dir+"/home")
	t.Setenv("PATH", dir+"/path:"+os.Getenv("PATH"))

	got := findJava(t.Context(), javaPrograms([]string{dir + "/jvm/*/bin/java"}))
	want := []Java{
		{Path: home, Version: "17.0.15", Major: 17},
		{Path: inPath, Version: "1.8.0_412", Major: 8},
		{Path: third, Version: "25.0.3", Major: 25},
		{Path: early, Version: "26-ea", Major: 26},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Javas (-want +got):\n%s", diff)
	}
}

func TestFindJava_none(t *testing.T) {
	t.Setenv("JAVA_HOME", "")
	t.Setenv("PATH", t.TempDir())
	if got := findJava(t.Context(), javaPrograms(nil)); len(got) > 0 {
		t.Errorf("found %v", got)
	}
}

func TestChoose(t *testing.T) {
	known := []release{{version: "300", java: 24}, {version: "200", java: 17}}
	java := func(major int) Java {
		return Java{Path: "/opt/java", Version: "0", Major: major}
	}
	tests := []struct {
		name    string
		majors  []int
		release string
		java    int
		err     string
	}{
		{name: "newest", majors: []int{24}, release: "300", java: 24},
		{name: "older_release_for_older_java", majors: []int{8, 23}, release: "200", java: 23},
		{name: "release_goes_before_order_of_javas", majors: []int{17, 25, 24}, release: "300", java: 25},
		{name: "too_old", majors: []int{11, 16}, err: "Trino 200 needs Java 17 or newer, found 0 (/opt/java) 0 (/opt/java): install"},
		{name: "none", err: "Trino 200 needs Java 17 or newer, found none: install a newer one, such as Temurin 25, and set JAVA_HOME"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var javas []Java
			for _, major := range tt.majors {
				javas = append(javas, java(major))
			}
			r, j, err := choose(known, javas)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error is %v, want %q in it", err, tt.err)
				}
				return
			}
			if err != nil || r.version != tt.release || j.Major != tt.java {
				t.Errorf("got Trino %s with Java %d, %v", r.version, j.Major, err)
			}
		})
	}
}

// A context that has ended asks nobody.
func TestFindJava_cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	java := fakeJava(t, t.TempDir()+"/java", "25")
	if got := findJava(ctx, []string{java}); len(got) > 0 {
		t.Errorf("found %v", got)
	}
}
