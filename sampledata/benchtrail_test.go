package sampledata_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/kmstrail/kmstrail/sampledata"
)

func TestGenerateBenchTrail(t *testing.T) {
	const want = 20_000
	dir := t.TempDir()
	truth, err := sampledata.GenerateBenchTrail(t.Context(), dir, want, 1)
	if err != nil {
		t.Fatal(err)
	}
	got := count(t, dir)
	if got.LogFiles != truth.Files || got.Records != truth.Records || got.KMSEvents != truth.KMS || got.JSONBytes != truth.JSONBytes || got.Bytes != truth.Bytes {
		t.Errorf("truth %+v, files %+v", truth, got)
	}
	if got.Duplicates != 0 || len(got.Quarantined) != 0 {
		t.Errorf("%+v", got)
	}
	if truth.KMS < want || truth.KMS > want*11/10 {
		t.Errorf("%d KMS events, want a little more than %d", truth.KMS, want)
	}
	if part := float64(truth.KMS) / float64(truth.Records); part < 0.47 || part > 0.53 {
		t.Errorf("%.3f of the records are KMS", part)
	}
}

func TestGenerateBenchSmall(t *testing.T) {
	const want = 2_000
	dir := t.TempDir()
	truth, err := sampledata.GenerateBenchSmall(t.Context(), dir, want, 1)
	if err != nil {
		t.Fatal(err)
	}
	got := count(t, dir)
	if got.LogFiles != want || truth.Files != want || got.Records != truth.Records || got.KMSEvents != truth.KMS || got.JSONBytes != truth.JSONBytes || got.Bytes != truth.Bytes {
		t.Errorf("truth %+v, files %+v", truth, got)
	}
	if got.Duplicates != 0 || len(got.Quarantined) != 0 {
		t.Errorf("%+v", got)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && (info.Size() < 800 || info.Size() > 3000) {
			t.Errorf("%s has %d bytes, want 1 to 3 KB", path, info.Size())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
