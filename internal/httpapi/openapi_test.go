package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/golden"
	"github.com/kmstrail/kmstrail/internal/operate"
)

// object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := encoded(m.name)
		if err != nil {
			return nil, err
		}
		value, err := encoded(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func encoded(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// TestOpenAPI holds the description to the routes and to the Go types; -update
// writes it.
func TestOpenAPI(t *testing.T) {
	d := newDescriber(t)
	text, err := encoded(d.document())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	golden.Equal(t, b.Bytes(), "openapi.json")
}

// TestOpenAPI_whole: every reference leads somewhere, every schema is used, and
// the description names every route of the multiplexer.
func TestOpenAPI_whole(t *testing.T) {
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas, Responses map[string]json.RawMessage }
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi is %q", doc.OpenAPI)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`"\$ref": "#/components/schemas/(\w+)"`).FindAllSubmatch(openAPI, -1) {
		used[string(m[1])] = true
		if doc.Components.Schemas[string(m[1])] == nil {
			t.Errorf("there is no schema %s", m[1])
		}
	}
	for name := range doc.Components.Schemas {
		if !used[name] {
			t.Errorf("nothing uses the schema %s", name)
		}
	}
	h, _ := newTestHandler(t)
	n := 0
	for path, methods := range doc.Paths {
		for method := range methods {
			n++
			probe := strings.NewReplacer("{id}", "x", "{name}", "x.html").Replace(path)
			req := newRequest(t, strings.ToUpper(method), probe, "")
			if _, pattern := h.mux.Handler(req); pattern == "/" {
				t.Errorf("%s %s is described and nobody answers", method, path)
			}
		}
	}
	if want := len(routes()); n != want {
		t.Errorf("%d operations are described, want %d", n, want)
	}
}

// TestOpenAPI_values: what is sent fits its schema, empty and full.
func TestOpenAPI_values(t *testing.T) {
	d := newDescriber(t)
	text, err := encoded(d.document())
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	check := validator{schemas: doc["components"].(map[string]any)["schemas"].(map[string]any)}
	for _, typ := range d.order {
		for _, full := range []bool{false, true} {
			v := reflect.New(typ).Elem()
			if full {
				fill(v, 0)
			}
			body, err := json.Marshal(v.Interface())
			if err != nil {
				t.Fatalf("%s: %v", typ, err)
			}
			var got any
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			for _, problem := range check.problems(map[string]any{"$ref": "#/components/schemas/" + d.name(typ)}, got, typ.Name()) {
				t.Errorf("full %v: %s", full, problem)
			}
		}
	}
}

// describer makes the description.
type describer struct {
	t       *testing.T
	order   []reflect.Type
	schemas map[reflect.Type]object
}

func newDescriber(t *testing.T) *describer {
	return &describer{t: t, schemas: map[reflect.Type]object{}}
}

func (d *describer) document() object {
	paths := object{}
	for _, r := range routes() {
		path := strings.TrimSuffix(r.Path, "{$}")
		i := slices.IndexFunc(paths, func(m member) bool { return m.name == path })
		if i < 0 {
			paths = append(paths, member{path, object{}})
			i = len(paths) - 1
		}
		paths[i].value = append(paths[i].value.(object), member{strings.ToLower(r.Method), d.operation(&r)})
	}
	problem := d.schema(reflect.TypeFor[Problem]())
	var list strings.Builder
	for _, c := range codes {
		fmt.Fprintf(&list, "\n- `%s` (%d): %s", c.code, c.status, c.doc)
	}
	schemas := object{}
	for _, typ := range d.order {
		schemas = append(schemas, member{d.name(typ), d.schemas[typ]})
	}
	return object{
		{"openapi", "3.1.0"},
		{"info", object{
			{"title", "kmstrail"},
			{"summary", "A server of kmstrail: what AWS KMS keys are used for, from CloudTrail logs"},
			{"version", "1"},
			{"license", object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}},
			{"description", "Queries in SQL go over Arrow Flight SQL; this is everything else. Each operation names the least role that may ask for it.\n\nThe codes of problems:" + list.String()},
		}},
		{"servers", []any{object{{"url", "/"}}}},
		{"security", []any{object{{"token", []string{}}}, object{{"password", []string{}}}}},
		{"paths", paths},
		{"components", object{
			{"securitySchemes", object{
				{"token", object{{"type", "http"}, {"scheme", "bearer"}, {"description", "A token of kmstrail token create."}}},
				{"password", object{{"type", "http"}, {"scheme", "basic"}, {"description", "For browsers: any name, and a token as password."}}},
			}},
			{"responses", object{{"Problem", object{
				{"description", "What went wrong"},
				{"content", object{{"application/problem+json", object{{"schema", problem}}}}},
			}}}},
			{"schemas", schemas},
		}},
	}
}

func (d *describer) operation(r *route) object {
	text := r.Doc
	if r.Role != "" {
		text = strings.TrimSpace("Needs the role " + string(r.Role) + ". " + text)
	}
	op := object{{"operationId", r.Action}, {"summary", r.Summary}, {"description", text}}
	if r.Role == "" {
		op = append(op, member{"security", []any{}})
	} else {
		op = append(op, member{"x-role", r.Role})
	}
	if params := d.parameters(r); len(params) > 0 {
		op = append(op, member{"parameters", params})
	}
	if r.Body != nil {
		op = append(op, member{"requestBody", object{{"content", object{{"application/json", object{{"schema", d.schema(reflect.TypeOf(r.Body))}}}}}}})
	}
	good := object{{"description", r.Summary}}
	switch {
	case r.Result != nil:
		good = append(good, member{"content", object{{"application/json", object{{"schema", d.jobSchema(r)}}}}})
	case r.Reply != nil:
		good = append(good, member{"content", object{{"application/json", object{{"schema", d.schema(reflect.TypeOf(r.Reply))}}}}})
	case r.Type != "":
		good = append(good, member{"content", object{{r.Type, object{}}}})
	}
	return append(op, member{"responses", object{
		{strconv.Itoa(r.Status), good}, {"default", object{{"$ref", "#/components/responses/Problem"}}},
	}})
}

// jobSchema is a job with what its kind has for progress and result.
func (d *describer) jobSchema(r *route) object {
	properties := object{{"result", object{{"anyOf", []any{d.schema(reflect.TypeOf(r.Result)), object{{"type", "null"}}}}}}}
	if r.Progress != nil {
		properties = append(properties, member{"progress", object{{"anyOf", []any{d.schema(reflect.TypeOf(r.Progress)), object{{"type", "null"}}}}}})
	}
	return object{{"allOf", []any{d.schema(reflect.TypeFor[Job]()), object{{"properties", properties}}}}}
}

var inPath = regexp.MustCompile(`\{(\w+)\}`)

func (d *describer) parameters(r *route) []any {
	var out []any
	for _, m := range inPath.FindAllStringSubmatch(r.Path, -1) {
		out = append(out, object{{"name", m[1]}, {"in", "path"}, {"required", true}, {"schema", object{{"type", "string"}}}})
	}
	for _, q := range r.Query {
		schema := object{{"type", "string"}}
		if q.Values != nil {
			schema = append(schema, member{"enum", q.Values})
		}
		if q.Repeat {
			schema = object{{"type", "array"}, {"items", schema}}
		}
		out = append(out, object{{"name", q.Name}, {"in", "query"}, {"description", q.Doc}, {"schema", schema}})
	}
	return out
}

func (d *describer) name(t reflect.Type) string {
	if t == reflect.TypeFor[operate.Problem]() {
		return "WorkProblem"
	}
	pkg := t.PkgPath()[strings.LastIndexByte(t.PkgPath(), '/')+1:]
	switch pkg {
	case "httpapi", "operate", "access":
		return t.Name()
	case "status":
		if t.Name() == "Status" {
			return "Status"
		}
		return "Status" + t.Name()
	case "queries", "sqlfile":
		return "Query" + t.Name()
	case "ingest":
		return "Read" + t.Name()
	}
	return strings.ToUpper(pkg[:1]) + strings.TrimSuffix(pkg[1:], "s") + t.Name()
}

var enums = map[reflect.Type][]string{
	reflect.TypeFor[access.Role](): {"read", "operate", "admin"},
	reflect.TypeFor[JobState]():    {"queued", "running", "done", "failed", "cancelled"},
}

// nullTexts are the members of a finding that its MarshalJSON writes as null.
var nullTexts = []string{"status_reason", "account_id", "region", "key_arn", "principal_arn"}

// schema describes a type, structs by reference.
func (d *describer) schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{{"type", "string"}, {"format", "date-time"}}
	case t == reflect.TypeFor[operate.Seconds]():
		return object{{"type", "number"}, {"description", "Seconds."}}
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Interface:
		return object{}
	case enums[t] != nil:
		return object{{"type", "string"}, {"enum", enums[t]}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		inner := d.schema(t.Elem())
		if inner[0].name == "type" {
			inner[0].value = []any{inner[0].value, "null"}
			return inner
		}
		return object{{"anyOf", []any{inner, object{{"type", "null"}}}}}
	case reflect.Slice:
		return object{{"type", []string{"array", "null"}}, {"items", d.schema(t.Elem())}}
	case reflect.Map:
		return object{{"type", []string{"object", "null"}}, {"additionalProperties", d.schema(t.Elem())}}
	case reflect.String:
		return object{{"type", "string"}}
	case reflect.Bool:
		return object{{"type", "boolean"}}
	case reflect.Float64:
		return object{{"type", "number"}}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return object{{"type", "integer"}}
	case reflect.Struct:
		if _, ok := d.schemas[t]; !ok {
			if slices.ContainsFunc(d.order, func(o reflect.Type) bool { return d.name(o) == d.name(t) }) {
				d.t.Fatalf("two types are called %s", d.name(t))
			}
			d.schemas[t] = nil // one that contains itself ends here
			d.order = append(d.order, t)
			d.schemas[t] = d.structure(t)
		}
		return object{{"$ref", "#/components/schemas/" + d.name(t)}}
	}
	d.t.Fatalf("no schema for %s", t)
	return nil
}

func (d *describer) structure(t reflect.Type) object {
	properties, required := d.members(t)
	out := object{{"type", "object"}}
	if doc := docOf(d.t, t, ""); doc != "" {
		out = append(out, member{"description", doc})
	}
	out = append(out, member{"properties", properties})
	if len(required) > 0 {
		out = append(out, member{"required", required})
	}
	return out
}

func (d *describer) members(t reflect.Type) (properties object, required []string) {
	properties = object{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			inner, needs := d.members(f.Type)
			properties, required = append(properties, inner...), append(required, needs...)
			continue
		}
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			d.t.Fatalf("%s.%s has no name in JSON", t, f.Name)
		}
		schema := d.schema(f.Type)
		if t == reflect.TypeFor[detectors.Finding]() && slices.Contains(nullTexts, name) {
			schema = object{{"type", []string{"string", "null"}}}
		}
		if doc := docOf(d.t, t, f.Name); doc != "" {
			schema = slices.DeleteFunc(slices.Clone(schema), func(m member) bool { return m.name == "description" })
			schema = append(schema, member{"description", doc})
		}
		// The outermost of members of one name is the one that is sent.
		properties = append(slices.DeleteFunc(properties, func(m member) bool { return m.name == name }), member{name, schema})
		if !strings.Contains(opts, "omit") {
			required = append(required, name)
		}
	}
	return properties, required
}

// parsed are the packages whose comments were read, by import path.
var parsed sync.Map

// docOf is the comment of a type, or of one of its fields.
func docOf(t *testing.T, typ reflect.Type, field string) string {
	t.Helper()
	const module = "github.com/kmstrail/kmstrail/"
	dir, ok := strings.CutPrefix(typ.PkgPath(), module)
	if !ok {
		return ""
	}
	docs, ok := parsed.Load(dir)
	if !ok {
		docs = readDocs(t, filepath.Join("..", "..", dir))
		parsed.Store(dir, docs)
	}
	return inJSON(typ, docs.(map[string]string)[strings.TrimSuffix(typ.Name()+"."+field, ".")])
}

var goName = regexp.MustCompile(`\b[A-Z]\w*\b`)

// inJSON calls the fields of a struct what they are called in JSON.
func inJSON(typ reflect.Type, doc string) string {
	return goName.ReplaceAllStringFunc(doc, func(word string) string {
		if f, ok := typ.FieldByName(word); ok {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
				return name
			}
		}
		return word
	})
}

func readDocs(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			for _, spec := range gen.Specs {
				readTypeDocs(gen, spec.(*ast.TypeSpec), out)
			}
		}
	}
	return out
}

// readTypeDocs takes the first sentence-like paragraph: what follows an empty
// line is for programmers.
func readTypeDocs(gen *ast.GenDecl, spec *ast.TypeSpec, out map[string]string) {
	line := func(groups ...*ast.CommentGroup) string {
		for _, g := range groups {
			if text := strings.TrimSpace(g.Text()); text != "" {
				first, _, _ := strings.Cut(text, "\n\n")
				return strings.Join(strings.Fields(first), " ")
			}
		}
		return ""
	}
	out[spec.Name.Name] = line(spec.Doc, gen.Doc)
	body, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range body.Fields.List {
		for _, name := range f.Names {
			out[spec.Name.Name+"."+name.Name] = line(f.Doc, f.Comment)
		}
	}
}

// fill gives a value something everywhere.
func fill(v reflect.Value, depth int) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)))
		return
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		v.SetBytes([]byte(`{"a":1}`))
		return
	case enums[v.Type()] != nil:
		v.SetString(enums[v.Type()][0])
		return
	case depth > 8:
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.Map:
		element := reflect.New(v.Type().Elem()).Elem()
		fill(element, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("a"), element)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Interface:
		if v.NumMethod() > 0 {
			return
		}
		v.Set(reflect.ValueOf(map[string]any{"a": 1}))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), depth+1)
			}
		}
	}
}

// validator checks values against the few words of JSON Schema that are used.
type validator struct{ schemas map[string]any }

func (c validator) problems(schema map[string]any, v any, at string) []string {
	if ref, ok := schema["$ref"].(string); ok {
		target, ok := c.schemas[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
		if !ok {
			return []string{at + ": no schema " + ref}
		}
		return c.problems(target, v, at)
	}
	if list, ok := schema["anyOf"].([]any); ok {
		var all []string
		for _, one := range list {
			p := c.problems(one.(map[string]any), v, at)
			if len(p) == 0 {
				return nil
			}
			all = append(all, p...)
		}
		return all
	}
	if types := typesOf(schema["type"]); len(types) > 0 && !slices.Contains(types, typeName(v)) && !(typeName(v) == "integer" && slices.Contains(types, "number")) {
		return []string{fmt.Sprintf("%s: is %s, want %v", at, typeName(v), types)}
	}
	if list, ok := schema["enum"].([]any); ok && !slices.Contains(list, v) && v != "" {
		return []string{fmt.Sprintf("%s: %v is not among %v", at, v, list)}
	}
	var out []string
	switch v := v.(type) {
	case []any:
		for i, x := range v {
			out = append(out, c.problems(schema["items"].(map[string]any), x, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case map[string]any:
		out = c.objectProblems(schema, v, at)
	}
	return out
}

func (c validator) objectProblems(schema, v map[string]any, at string) []string {
	var out []string
	if list, ok := schema["required"].([]any); ok {
		for _, name := range list {
			if _, ok := v[name.(string)]; !ok {
				out = append(out, at+": lacks "+name.(string))
			}
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, x := range v {
		inner, ok := properties[name].(map[string]any)
		if !ok {
			inner, ok = schema["additionalProperties"].(map[string]any)
		}
		if !ok && properties != nil {
			out = append(out, at+": has "+name+", which is not described")
			continue
		}
		if ok {
			out = append(out, c.problems(inner, x, at+"."+name)...)
		}
	}
	return out
}

func typesOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		out := make([]string, len(v))
		for i := range v {
			out[i] = v[i].(string)
		}
		return out
	}
	return nil
}

func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
