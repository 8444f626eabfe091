package dossier

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"

	"github.com/kmstrail/kmstrail/internal/report"
)

//go:embed page/dossier.html.tmpl
var pageTemplate string

//go:embed page/dossier.css
var pageStyle string

// htmlPage is a document with what only HTML needs.
type htmlPage struct {
	*document
	Policy string
	Style  template.CSS
}

// writeHTML writes a document as one HTML file that loads nothing and runs no
// script.
func (d *document) writeHTML(w io.Writer) error {
	t, err := report.Templates()
	if err == nil {
		_, err = t.Parse(pageTemplate)
	}
	if err != nil {
		return fmt.Errorf("parse the page: %w", err)
	}
	p := htmlPage{document: d}
	p.Style, p.Policy = report.Style(pageStyle)
	// A failing template must not leave half a page behind.
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "dossier", p); err != nil {
		return fmt.Errorf("fill the page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// writeJSON writes a page as one indented JSON object. Texts from logs are in
// it as they were logged.
func writeJSON(w io.Writer, page any) error {
	out, err := json.MarshalIndent(page, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the page: %w", err)
	}
	_, err = w.Write(append(out, '\n'))
	return err
}
