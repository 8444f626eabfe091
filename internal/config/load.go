package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// Flag is a flag the user gave, for the value at Path.
type Flag struct {
	Path  string // such as aws.region
	Name  string // such as --region
	Value string // lists are comma-separated
}

// Options says where to look.
type Options struct {
	// File is the file of --config; "" looks in the default places.
	File string
	// Environ holds NAME=value strings, as os.Environ returns them.
	Environ []string
	// Flags override everything else.
	Flags []Flag
}

// Load reads the configuration. The file is --config, else KMSTRAIL_CONFIG
// (both must exist), else the first that exists of ./kmstrail.yaml and
// $XDG_CONFIG_HOME/kmstrail/kmstrail.yaml ($HOME/.config when XDG_CONFIG_HOME
// is not set); none is fine. An empty variable counts as not set. The error is
// an *Error unless the file cannot be read.
func Load(opts Options) (Config, error) {
	c := Defaults()
	errs := &Error{}
	env := environment(opts.Environ)
	file, err := findFile(opts.File, env)
	if err != nil {
		return c, err
	}
	if file != "" {
		src, err := os.ReadFile(file)
		if err != nil {
			return c, fmt.Errorf("read configuration: %w", err)
		}
		c.file = file
		r := fileReader{name: file, origins: c.origins, errs: errs}
		r.read(src, &c)
		resolvePaths(&c, filepath.Dir(file), env["HOME"])
	}
	applyEnviron(&c, env, errs)
	applyFlags(&c, opts.Flags, errs)
	if c.Queue.URL != "" && !c.IsSet("server.poll") {
		c.Server.Poll = pollBehindQueue
	}
	if len(errs.Problems) == 0 {
		validate(&c, errs)
	}
	return c, errs.orNil()
}

func environment(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok && value != "" {
			env[name] = value
		}
	}
	return env
}

func findFile(given string, env map[string]string) (string, error) {
	if given == "" {
		given = env["KMSTRAIL_CONFIG"]
	}
	if given != "" {
		return given, nil
	}
	if exists("kmstrail.yml") && !exists("kmstrail.yaml") {
		return "", errors.New("read configuration: found kmstrail.yml, but the file is named kmstrail.yaml; rename it or pass --config kmstrail.yml")
	}
	dir := env["XDG_CONFIG_HOME"]
	if dir == "" && env["HOME"] != "" {
		dir = filepath.Join(env["HOME"], ".config")
	}
	for _, name := range []string{"kmstrail.yaml", filepath.Join(dir, "kmstrail", "kmstrail.yaml")} {
		if exists(name) && (dir != "" || name == "kmstrail.yaml") {
			return name, nil
		}
	}
	return "", nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// resolvePaths makes paths written in the file relative to the file, so that
// its meaning does not depend on where kmstrail is started.
func resolvePaths(c *Config, dir, home string) {
	leaves(reflect.ValueOf(c).Elem(), "", func(path string, f reflect.StructField, v reflect.Value) {
		if kind := f.Tag.Get("kind"); kind != "path" && kind != "source" || !c.IsSet(path) {
			return
		}
		switch p := v.String(); {
		case p == "" || filepath.IsAbs(p) || strings.Contains(p, "://") || p == ":memory:":
		case strings.HasPrefix(p, "~/") && home != "":
			v.SetString(filepath.Join(home, p[2:]))
		default:
			v.SetString(filepath.Join(dir, p))
		}
	})
}

func applyEnviron(c *Config, env map[string]string, errs *Error) {
	known := []string{"KMSTRAIL_CONFIG"}
	leaves(reflect.ValueOf(c).Elem(), "", func(path string, _ reflect.StructField, v reflect.Value) {
		name := variable(path)
		known = append(known, name)
		if value, ok := env[name]; ok {
			c.set(path, v, value, Origin{Kind: "env", Where: name}, errs)
		}
	})
	var unknown []string
	for name := range env {
		if strings.HasPrefix(name, "KMSTRAIL_") && !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		errs.add(name, "unknown variable%s", didYouMean(name, known))
	}
}

func applyFlags(c *Config, flags []Flag, errs *Error) {
	for _, f := range flags {
		leaves(reflect.ValueOf(c).Elem(), "", func(path string, _ reflect.StructField, v reflect.Value) {
			if path == f.Path {
				c.set(path, v, f.Value, Origin{Kind: "flag", Where: f.Name}, errs)
			}
		})
	}
}

// set replaces the value at path by text, a list by the parts between commas.
func (c *Config) set(path string, v reflect.Value, text string, from Origin, errs *Error) {
	c.origins[path] = from
	if v.Kind() != reflect.Slice {
		if err := setScalar(v, text); err != nil {
			errs.add(from.Where, "%v", err)
		}
		return
	}
	for p := range c.origins {
		if strings.HasPrefix(p, path+"[") {
			delete(c.origins, p)
		}
	}
	parts := strings.Split(text, ",")
	list := reflect.MakeSlice(v.Type(), len(parts), len(parts))
	for i, part := range parts {
		c.origins[fmt.Sprintf("%s[%d]", path, i)] = from
		if err := setScalar(list.Index(i), strings.TrimSpace(part)); err != nil {
			errs.add(from.Where, "%v", err)
		}
	}
	v.Set(list)
}

// Variables lists the KMSTRAIL_ variables with the key each one sets.
func Variables() [][2]string {
	out := [][2]string{{"KMSTRAIL_CONFIG", "the configuration file"}}
	c := Defaults()
	leaves(reflect.ValueOf(&c).Elem(), "", func(path string, _ reflect.StructField, _ reflect.Value) {
		out = append(out, [2]string{variable(path), path})
	})
	return out
}
