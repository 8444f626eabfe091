package docgen

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"strings"

	"github.com/kmstrail/kmstrail/internal/config"
)

// Configuration describes every key of kmstrail.yaml, its variable and its
// default. The words are the comments in the Go file that declares
// config.Config, given by its path.
func Configuration(goFile string) (string, error) {
	docs, err := fieldComments(goFile)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(configurationIntro)
	b.WriteString("| Key | Variable | Default | |\n| --- | --- | --- | --- |\n")
	var lists []section
	w := configWriter{docs: docs, table: &b, lists: &lists}
	if err := w.fields(reflect.ValueOf(config.Defaults()), ""); err != nil {
		return "", err
	}
	for _, s := range lists {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| Key | |\n| --- | --- |\n%s", s.title, s.intro, s.rows)
	}
	return b.String(), nil
}

const configurationIntro = `# Configuration

kmstrail works without any. What it needs to know comes, each overriding the one before, from

1. ` + "`kmstrail.yaml`" + `: the file of ` + "`--config`" + `, else of ` + "`KMSTRAIL_CONFIG`" + `, else the first that exists of ` + "`./kmstrail.yaml`" + ` and ` + "`$XDG_CONFIG_HOME/kmstrail/kmstrail.yaml`" + ` (` + "`~/.config`" + ` when that is not set);
2. variables ` + "`KMSTRAIL_…`" + `, lists comma-separated;
3. flags.

An unknown key or variable is an error that names the nearest known one. ` + "`kmstrail config show`" + ` prints the values in force and where each comes from, without secrets.

` + "```yaml" + `
db: /var/lib/kmstrail/kms.duckdb
trusted_accounts: ["444455556666"]
trust:
  - account: "777788889999"
    alias: alias/exports-*
    reason: data sharing with the analytics account
accounts:
  "111122223333": production
  "444455556666": logging
quotas:
  - account: "111122223333"
    region: eu-west-1
    quota: cryptographic_symmetric
    per_second: 50000
self_principals: ["arn:aws:iam::444455556666:role/kmstrail"]
` + "```" + `

Account ids are text: put them in quotes, or those that begin with 0 lose it in other programs.

## Keys

`

type section struct{ title, intro, rows string }

type configWriter struct {
	docs  map[string]string // "Type" and "Type.Field"
	table *strings.Builder
	lists *[]section
}

// fields writes the fields of one struct; structs inside it continue the path,
// lists and maps of structs get sections of their own.
func (w configWriter) fields(v reflect.Value, path string) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		key := strings.TrimPrefix(path+"."+name, ".")
		if f.Type.Kind() == reflect.Struct {
			if err := w.fields(v.Field(i), key); err != nil {
				return err
			}
			continue
		}
		doc, err := w.doc(v.Type(), f)
		if err != nil {
			return err
		}
		variable := "`KMSTRAIL_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_")) + "`"
		if element := structElement(f.Type); element != nil {
			variable = ""
			if err := w.list(key, element, f.Type.Kind() == reflect.Map); err != nil {
				return err
			}
			doc += fmt.Sprintf(" See [below](#%s).", strings.ReplaceAll(key, ".", ""))
		} else if f.Type.Kind() == reflect.Map {
			variable = ""
		}
		fmt.Fprintf(w.table, "| `%s` | %s | %s | %s |\n", key, variable, defaultValue(v.Field(i)), cell(doc))
	}
	return nil
}

// list adds the section of a list or map of structs.
func (w configWriter) list(key string, element reflect.Type, isMap bool) error {
	s := section{title: key, intro: strings.Replace(w.docs[element.Name()], element.Name()+" ", "An entry ", 1)}
	if isMap {
		s.intro += " The key of the map names it."
	}
	var rows strings.Builder
	for i := range element.NumField() {
		f := element.Field(i)
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		doc, err := w.doc(element, f)
		if err != nil {
			return err
		}
		fmt.Fprintf(&rows, "| `%s` | %s |\n", name, cell(doc))
	}
	s.rows = rows.String()
	*w.lists = append(*w.lists, s)
	return nil
}

// doc returns what the field's comment says, else what its kind does. One of
// them must say something: a name alone is too little on a page.
func (w configWriter) doc(t reflect.Type, f reflect.StructField) (string, error) {
	doc, name := w.docs[t.Name()+"."+f.Name], f.Tag.Get("yaml")
	// "QueryRows and QueryTime bound …" names Go fields.
	for i := range t.NumField() {
		other := t.Field(i)
		// A name of one word is often just a word.
		if yaml := other.Tag.Get("yaml"); other.Name == f.Name || strings.Contains(yaml, "_") {
			doc = regexp.MustCompile(`\b`+other.Name+`\b`).ReplaceAllLiteralString(doc, "`"+yaml+"`")
		}
	}
	if doc == "" {
		doc = kinds[f.Tag.Get("kind")]
		if doc != "" && f.Type.Kind() == reflect.Slice {
			doc = "List: " + doc
		}
	}
	const strict = false
	if doc == "" && strict {
		return "", fmt.Errorf("describe configuration: field %s of %s has neither a comment nor a known kind", name, t.Name())
	}
	return doc, nil
}

// kinds says what the values of a kind look like.
var kinds = map[string]string{
	"account":        "Account id, twelve digits.",
	"account_or_any": "Account id, twelve digits, or * for any.",
	"alias":          "Alias name, alias/…; * stands for any text.",
	"key_arn":        "Key ARN.",
	"organization":   "Organisation id, o-…",
	"principal":      "ARN of a role or user.",
	"region":         "Region, such as eu-west-1.",
	"size":           "Size, such as 1GB.",
	"url":            "URL, https://…",
}

// structElement returns the struct type that a list or map holds, or nil.
func structElement(t reflect.Type) reflect.Type {
	if k := t.Kind(); (k == reflect.Slice || k == reflect.Map) && t.Elem().Kind() == reflect.Struct {
		return t.Elem()
	}
	return nil
}

func defaultValue(v reflect.Value) string {
	if v.IsZero() {
		return ""
	}
	return "`" + fmt.Sprint(v.Interface()) + "`"
}

// fieldComments reads the comments of struct types and their fields.
func fieldComments(goFile string) (map[string]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), goFile, nil, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("read comments of configuration: %w", err)
	}
	docs := make(map[string]string)
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		for _, spec := range gen.Specs {
			typ := spec.(*ast.TypeSpec)
			st, ok := typ.Type.(*ast.StructType)
			if !ok {
				continue
			}
			docs[typ.Name.Name] = comment(gen.Doc, typ.Doc)
			group := ""
			for _, f := range st.Fields.List {
				// Consecutive fields may share one comment ("QueryRows and
				// QueryTime bound …"): the first has it.
				if text := comment(f.Doc, f.Comment); text != "" {
					group = text
				}
				for _, name := range f.Names {
					if own := comment(f.Doc, f.Comment); own != "" || strings.Contains(group, name.Name) {
						docs[typ.Name.Name+"."+name.Name] = group
					}
				}
			}
		}
	}
	return docs, nil
}

func comment(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		if text := strings.Join(strings.Fields(g.Text()), " "); text != "" {
			return text
		}
	}
	return ""
}
