package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/kmstrail/kmstrail/detectors"
)

// keepReports is how many reports are kept, in three formats each: 90 files.
const keepReports = 30

// ReportsDir is where reports of the schedule lie.
func ReportsDir(db, configured string) string {
	if configured != "" {
		return configured
	}
	return db + ".reports"
}

// reportTime is the time in the names of reports; it sorts.
const reportTime = "2006-01-02T1504Z"

var reportName = regexp.MustCompile(`^report-\d{4}-\d\d-\d\dT\d{4}Z\.(html|md|json)$`)

// report writes a report on the last report_window, and removes the oldest.
func (w *Watch) report(ctx context.Context) error {
	now := w.now()
	r, err := w.work.Report(ctx, detectors.Window{Start: now.Add(-w.opts.Config.Schedule.ReportWindow), End: now})
	if err != nil {
		return err
	}
	dir := ReportsDir(w.opts.DB, w.opts.Config.Server.Reports)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	base := filepath.Join(dir, "report-"+now.Format(reportTime))
	for _, f := range []struct {
		ext   string
		write func(io.Writer) error
	}{{".html", r.WriteHTML}, {".md", r.WriteMarkdown}, {".json", r.WriteJSON}} {
		var body bytes.Buffer
		err := f.write(&body)
		if err == nil {
			err = replaceFile(base+f.ext, body.Bytes())
		}
		if err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	return removeOldest(dir, reportName, 3*keepReports)
}

// stamp is the time in the name of a backup.
var stamp = regexp.MustCompile(`\d{8}T\d{6}Z`)

// backup makes a backup and removes the oldest of those with names like it.
func (w *Watch) backup(ctx context.Context) error {
	path, err := w.work.Backup(ctx)
	if err != nil {
		return err
	}
	dir, name := filepath.Split(path)
	at := stamp.FindStringIndex(name)
	if at == nil {
		return fmt.Errorf("keep the newest backups: there is no time in the name %s", name)
	}
	alike, err := regexp.Compile("^" + regexp.QuoteMeta(name[:at[0]]) + stamp.String() + regexp.QuoteMeta(name[at[1]:]) + "$")
	if err != nil {
		return err
	}
	return removeOldest(dir, alike, max(w.opts.Config.Schedule.BackupKeep, 1))
}

// removeOldest removes all but the last files with such names.
func removeOldest(dir string, names *regexp.Regexp, keep int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove what is old: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !e.Type().IsRegular() || !names.MatchString(e.Name()) })
	var errs []error
	for _, e := range entries[:max(0, len(entries)-keep)] { // by name, so by time
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove what is old: %w", err))
		}
	}
	return errors.Join(errs...)
}
