package check

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"regexp"
	"strings"
)

var (
	links = regexp.MustCompile(`(!?)\[[^\]]*\]\(([^)\s]+)`)
	// jargon is for developers, who do not read a catalog.
	jargon = regexp.MustCompile(`(?i)\b(npm|yarn|nodejs|webpack|mage|jest|docker[- ]compose|git clone)\b`)
	// template are sentences of the README that Grafana's generator writes.
	template = regexp.MustCompile(`(?i)this template is a starting point|Grafana data source plugin template|What are Grafana data source plugins\?|This is a README that will be displayed`)
)

// checkTexts looks at what people read in Grafana's catalog.
func checkTexts(dist fs.FS, o Options, p *problems) {
	readme := readFile(dist, "README.md", p)
	if found := template.FindString(readme); found != "" {
		p.add("README.md: %q is of a template", found)
	}
	if found := jargon.FindString(readme); found != "" {
		p.add("README.md: %q is for developers", found)
	}
	if found := placeholder.FindString(readme); found != "" {
		p.add("README.md: %s was not filled in", found)
	}
	for _, l := range links.FindAllStringSubmatch(readme, -1) {
		if !strings.HasPrefix(l[2], "https://") && !strings.HasPrefix(l[2], "#") {
			p.add("README.md: %s leads nowhere from the catalog", l[2])
		}
	}
	if !strings.Contains(readFile(dist, "CHANGELOG.md", p), "\n## "+o.Version) {
		p.add("CHANGELOG.md: does not have %s", o.Version)
	}
	if !strings.Contains(readFile(dist, "LICENSE", p), "Apache License\n                           Version 2.0") {
		p.add("LICENSE: is not the text of Apache-2.0")
	}
}

// checkImages looks at logos and screenshots.
func checkImages(dist fs.FS, m metadata, p *problems) {
	names := []string{m.Info.Logos.Small, m.Info.Logos.Large}
	for _, s := range m.Info.Screenshots {
		names = append(names, s.Path)
	}
	for _, name := range names {
		switch text := readFile(dist, name, p); {
		case text == "":
			p.add("%s: is missing", name)
		case strings.HasSuffix(name, ".svg"):
			checkSVG(name, text, p)
		}
	}
}

// What a harmless drawing is made of.
var (
	svgElements = words("svg g path circle ellipse rect line polyline polygon defs title desc linearGradient radialGradient stop clipPath mask text tspan use")
	svgAttrs    = words("xmlns viewBox width height role aria-label d cx cy r rx ry x y x1 y1 x2 y2 points id class fill fill-rule fill-opacity " +
		"stroke stroke-width stroke-linecap stroke-linejoin stroke-opacity stroke-miterlimit opacity transform offset stop-color stop-opacity gradientUnits " +
		"gradientTransform clip-path clip-rule mask version preserveAspectRatio font-family font-size font-weight text-anchor")
)

func words(list string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// checkSVG: a picture is shown in the page, where it could do anything.
func checkSVG(name, text string, p *problems) {
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			p.add("%s: %v", name, err)
			return
		}
		switch t := token.(type) {
		case xml.Directive:
			p.add("%s: has a directive", name)
		case xml.StartElement:
			if !svgElements[t.Name.Local] {
				p.add("%s: has an element %s", name, t.Name.Local)
			}
			for _, a := range t.Attr {
				if !svgAttrs[a.Name.Local] || strings.Contains(a.Value, "javascript:") || strings.Contains(a.Value, "url(http") {
					p.add("%s: has an attribute %s=%q", name, a.Name.Local, a.Value)
				}
			}
		}
	}
}
