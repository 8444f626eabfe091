package main

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/kmstrail/kmstrail/internal/output"
)

// The levels of --quiet, no flag and --verbose.
const (
	levelQuiet   = slog.LevelWarn
	levelNormal  = slog.LevelInfo
	levelVerbose = slog.LevelDebug
)

func newLogger(w io.Writer, format string, level slog.Level) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(&textHandler{w: w, level: level, mu: new(sync.Mutex)})
}

// textHandler prints a message for people: the program's name, the text, then
// attributes. A message of several lines has the name before each.
type textHandler struct {
	w     io.Writer
	level slog.Level
	attrs []slog.Attr
	mu    *sync.Mutex
}

func (h *textHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	if r.Level == slog.LevelWarn {
		text = "warning: " + text
	}
	var attrs strings.Builder
	appendAttr := func(a slog.Attr) bool {
		attrs.WriteString(" " + a.Key + "=" + output.Clean(a.Value.String()))
		return true
	}
	for _, a := range h.attrs {
		appendAttr(a)
	}
	r.Attrs(appendAttr)
	if attrs.Len() > 0 {
		text += ":" + attrs.String()
	}
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		b.WriteString("kmstrail: " + output.Clean(line) + "\n")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, b.String())
	return err
}

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(c.attrs[:len(c.attrs):len(c.attrs)], attrs...)
	return &c
}

// WithGroup has no meaning for people.
func (h *textHandler) WithGroup(string) slog.Handler { return h }
