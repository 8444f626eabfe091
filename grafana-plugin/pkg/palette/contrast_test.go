package palette

import (
	"fmt"
	"math"
	"testing"
)

// rgb are parts of a colour from 0 to 255.
type rgb [3]float64

func parseColor(t *testing.T, hex string) rgb {
	t.Helper()
	var r, g, b uint8
	if _, err := fmt.Sscanf(hex, "#%02x%02x%02x", &r, &g, &b); err != nil || len(hex) != 7 {
		t.Fatalf("%q is no #RRGGBB, whose contrast were known: %v", hex, err)
	}
	return rgb{float64(r), float64(g), float64(b)}
}

// luminance is the relative luminance of WCAG 2.
func (c rgb) luminance() float64 {
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := c[i] / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

func contrast(a, b rgb) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// written is the colour of a text that Grafana writes on another, in either theme.
func (c rgb) written() rgb {
	if brightness := (c[0]*299 + c[1]*587 + c[2]*114) / 1000; brightness > 180 {
		return rgb{32, 34, 38}
	}
	return rgb{247, 248, 250}
}

func TestContrast(t *testing.T) {
	if got := contrast(rgb{0, 0, 0}, rgb{255, 255, 255}); math.Abs(got-21) > 0.001 {
		t.Fatalf("black on white has the contrast %f, not 21", got)
	}
	// What Grafana makes of its own orange, and why it is not used.
	if named := (rgb{0xff, 0x98, 0x30}); contrast(named, named.written()) > 4.5 {
		t.Error("the orange of Grafana's name would do")
	}
	for _, color := range All() {
		bg := parseColor(t, color)
		// WCAG AA, for text of the usual size.
		if got := contrast(bg, bg.written()); got < 4.5 {
			t.Errorf("the text on %s has the contrast %.2f, want 4.5", color, got)
		}
	}
}
