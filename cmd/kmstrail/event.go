package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/rows"
)

func eventCommand(a *app) *cobra.Command {
	var raw bool
	var format, from string
	cmd := &cobra.Command{
		Use:   "event ID",
		Short: "Show one event, or its original record",
		Long: `Prints what the store knows of the event with this id. --raw reads the log file
it came from once more and prints the original record, byte for byte. Where the
log files have moved, or lie in a copy, --source names the new place.`,
		Example: `  kmstrail event 12345678-1234-1234-1234-123456789012
  kmstrail event 12345678-1234-1234-1234-123456789012 --raw | jq .userIdentity
  kmstrail event 12345678-1234-1234-1234-123456789012 --raw --source ./copy-of-the-bucket`,
		Args: one("the event id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, []string{"text", "json"}); err != nil {
				return err
			}
			id, err := uuid.Parse(args[0])
			if err != nil {
				return usagef("an event id looks like 12345678-1234-1234-1234-123456789012", "%q is not an event id", args[0])
			}
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			store, err := a.openToRead(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer store.Close()
			if raw {
				return a.rawEvent(cmd.Context(), cfg, store, id, from)
			}
			return a.showEvent(cmd.Context(), store, id, format)
		},
	}
	cmd.Flags().BoolVar(&raw, "raw", false, "print the original record from its log file")
	cmd.Flags().StringVar(&from, "source", "", "with --raw: read the log file from `PLACE`, s3://BUCKET or a directory, instead of where it was ingested from")
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT`: text or json")
	completeValues(cmd, "format", func() []string { return []string{"text", "json"} })
	return cmd
}

// eventTables hold records by event id.
var eventTables = []string{"kms_events", "related_events"}

func errNoEvent(id uuid.UUID) error {
	return fmt.Errorf("find event %s: the store has no such event; kmstrail status says what is ingested", id)
}

func (a *app) showEvent(ctx context.Context, store engine, id uuid.UUID, format string) error {
	found := false
	var printErr error
	for _, table := range eventTables {
		err := eachRow(ctx, store, `select l.source, l.object_key, e.* from `+table+` e
			left join log_files l on l.log_file_id = e.log_file_id where e.event_id = cast(? as uuid)`, []any{id.String()},
			func(r rows.Row) {
				found = true
				printErr = a.printEvent(r, format)
			})
		if err := errors.Join(err, printErr); err != nil {
			return err
		}
	}
	if !found {
		return errNoEvent(id)
	}
	return nil
}

// printEvent prints the columns that have a value.
func (a *app) printEvent(r rows.Row, format string) error {
	batch, at := r.Batch()
	names, values := output.Record(batch, at, format == "json")
	var b strings.Builder
	if format == "json" {
		b.WriteByte('{')
		for i, name := range names {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%q:%s", name, values[i])
		}
		b.WriteString("}\n")
	} else {
		for i, name := range names {
			fmt.Fprintf(&b, "%-31s %s\n", name, output.Clean(values[i]))
		}
	}
	_, err := io.WriteString(a.safeStdout(), b.String())
	return err
}

// rawEvent prints the record as it stands in its log file.
func (a *app) rawEvent(ctx context.Context, cfg config.Config, store engine, id uuid.UUID, from string) error {
	var where struct {
		source, key string
		size        int64
		index       int64
		found       bool
	}
	for _, table := range eventTables {
		err := eachRow(ctx, store, `select l.source, l.object_key, l.size_bytes, e.record_index from `+table+` e
			join log_files l on l.log_file_id = e.log_file_id where e.event_id = cast(? as uuid)`, []any{id.String()},
			func(r rows.Row) {
				where.source, where.key, where.size, where.index = r.Text(0), r.Text(1), r.Number(2), r.Number(3)
				where.found = true
			})
		if err != nil {
			return err
		}
	}
	if !where.found {
		return errNoEvent(id)
	}
	if from != "" {
		where.source = from
	}
	body, err := a.readAgain(ctx, cfg, where.source, ingest.Object{Key: where.key, Size: where.size})
	if err != nil {
		err = fmt.Errorf("read %s of %s, where event %s is from: %w", where.key, where.source, id, err)
		if from == "" && !errors.Is(err, errNoLogFile) {
			return adviceError{err, "or give --source PLACE, where a copy of the log files lies"}
		}
		return err
	}
	record, err := ingest.FindRecord(body, int(where.index), id)
	if err != nil {
		return fmt.Errorf("find event %s in %s of %s: %w", id, where.key, where.source, err)
	}
	if _, err := a.safeStdout().Write(append(record, '\n')); err != nil {
		return err
	}
	return nil
}

// readAgain reads a log file from the place with this name. It asks for no
// ETag: a file written again may still have the record, and the id tells.
func (a *app) readAgain(ctx context.Context, cfg config.Config, place string, object ingest.Object) ([]byte, error) {
	source, err := a.sourceByName(ctx, cfg, place)
	if err != nil {
		return nil, err
	}
	return source.Read(ctx, object, nil, ingest.DefaultMaxObjectBytes)
}

// errNoLogFile says that an event did not come in a log file.
var errNoLogFile = errors.New("the original record is not in a log file; the store has it in columns and remainder")

// sourceByName opens a source by the name it has in the ledger.
func (a *app) sourceByName(ctx context.Context, cfg config.Config, name string) (ingest.Source, error) {
	switch {
	case strings.HasPrefix(name, "s3://"):
		return operate.OpenBucket(ctx, cfg, name, a.log)
	case strings.HasPrefix(name, "file://"):
		u, err := url.Parse(name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		return dirsource.New(filepath.FromSlash(u.Path))
	case !strings.Contains(name, "://"):
		return dirsource.New(name)
	}
	return nil, errNoLogFile
}
