package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// fileReader fills a Config from one file, noting origins and problems.
type fileReader struct {
	name    string
	origins map[string]Origin
	errs    *Error
}

func (r *fileReader) read(src []byte, c *Config) {
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		r.errs.add(r.name, "not valid YAML: %s", oneLine(yaml.FormatError(err, false, false)))
		return
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			r.errs.add(r.at(doc.Body), "a second YAML document; put everything in one")
			return
		}
		body = doc.Body
	}
	if body != nil {
		r.value(body, reflect.ValueOf(c).Elem(), "")
	}
}

// at is the place of node for a message.
func (r *fileReader) at(n ast.Node) string {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return r.name + ":" + strconv.Itoa(t.Position.Line)
	}
	return r.name
}

func (r *fileReader) value(n ast.Node, v reflect.Value, path string) {
	switch t := n.(type) {
	case *ast.NullNode:
		return // "key:" with nothing behind it leaves the default
	case *ast.AnchorNode:
		r.value(t.Value, v, path)
		return
	case *ast.AliasNode, *ast.TagNode:
		r.errs.add(r.at(n), "%s: YAML aliases and tags are not supported; write the value out", path)
		return
	}
	switch {
	case v.Kind() == reflect.Struct:
		r.structure(n, v, path)
	case v.Kind() == reflect.Map:
		r.mapping(n, v, path)
	case v.Kind() == reflect.Slice:
		r.list(n, v, path)
	default:
		r.scalar(n, v, path)
	}
}

// members returns the entries of a mapping; duplicates are a problem.
func (r *fileReader) members(n ast.Node, path string) []*ast.MappingValueNode {
	var all []*ast.MappingValueNode
	switch t := n.(type) {
	case *ast.MappingNode:
		all = t.Values
	case *ast.MappingValueNode:
		all = []*ast.MappingValueNode{t}
	default:
		r.errs.add(r.at(n), "%s must be a mapping (key: value lines)", orTop(path))
		return nil
	}
	seen := map[string]string{}
	kept := all[:0:0]
	for _, m := range all {
		key, ok := text(m.Key)
		if !ok {
			r.errs.add(r.at(m.Key), "the key must be plain text")
			continue
		}
		if first, dup := seen[key]; dup {
			r.errs.add(r.at(m.Key), "%s is given twice (first at %s)", join(path, key), first)
			continue
		}
		seen[key] = r.at(m.Key)
		kept = append(kept, m)
	}
	return kept
}

func (r *fileReader) structure(n ast.Node, v reflect.Value, path string) {
	for _, m := range r.members(n, path) {
		key, _ := text(m.Key)
		f, ok := fieldByName(v.Type(), key)
		if !ok {
			where := ""
			if path != "" {
				where = " in " + path
			}
			r.errs.add(r.at(m.Key), "unknown key %q%s%s", key, where, didYouMean(key, fieldNames(v.Type())))
			continue
		}
		p := join(path, key)
		r.note(p, m.Key)
		r.value(m.Value, v.FieldByIndex(f.Index), p)
	}
}

func (r *fileReader) mapping(n ast.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	for _, m := range r.members(n, path) {
		key, _ := text(m.Key)
		p := join(path, key)
		r.note(p, m.Key)
		elem := reflect.New(v.Type().Elem()).Elem()
		r.value(m.Value, elem, p)
		v.SetMapIndex(reflect.ValueOf(key), elem)
	}
}

func (r *fileReader) list(n ast.Node, v reflect.Value, path string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		r.errs.add(r.at(n), "%s must be a list (lines that begin with \"- \")", path)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, e := range seq.Values {
		p := fmt.Sprintf("%s[%d]", path, i)
		r.note(p, e)
		if _, null := e.(*ast.NullNode); null {
			r.errs.add(r.at(e), "%s is empty", p)
			continue
		}
		r.value(e, v.Index(i), p)
	}
}

func (r *fileReader) scalar(n ast.Node, v reflect.Value, path string) {
	s, ok := text(n)
	if !ok {
		r.errs.add(r.at(n), "%s must be a single value", path)
		return
	}
	if err := setScalar(v, s); err != nil {
		r.errs.add(r.at(n), "%s: %v", path, err)
	}
}

func (r *fileReader) note(path string, n ast.Node) {
	r.origins[path] = Origin{Kind: "file", Where: r.at(n)}
}

// text returns a scalar as it was written. YAML would read 012345678901 as a
// number and lose the zero.
func text(n ast.Node) (string, bool) {
	switch t := n.(type) {
	case *ast.StringNode:
		return t.Value, true
	case *ast.LiteralNode:
		return t.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return t.GetToken().Value, true
	}
	return "", false
}

func orTop(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

// oneLine keeps the first line of goccy's message, which shows the source
// below it.
func oneLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
