package config

import (
	"reflect"
	"strings"
)

// fieldNames lists the keys of a struct type in order.
func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// fieldByName finds the field with a yaml name.
func fieldByName(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("yaml") == name && name != "" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// leaves calls visit for every value that one variable or flag can hold: a
// scalar or a list of scalars outside lists and maps.
func leaves(v reflect.Value, path string, visit func(path string, f reflect.StructField, v reflect.Value)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		p := join(path, name)
		switch {
		case f.Type.Kind() == reflect.Struct:
			leaves(v.Field(i), p, visit)
		case isScalar(f.Type), f.Type.Kind() == reflect.Slice && isScalar(f.Type.Elem()):
			visit(p, f, v.Field(i))
		}
	}
}

func isScalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		return true
	}
	return false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// variable is the name of the environment variable for path.
func variable(path string) string {
	return "KMSTRAIL_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}
