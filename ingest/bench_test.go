package ingest

import (
	"fmt"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// benchFile makes a log file of n records, of which kms in 10 are KMS records.
func benchFile(n, kms int) []byte {
	at := time.Date(2026, 1, 4, 6, 0, 0, 0, time.UTC)
	names := []string{"Decrypt", "GenerateDataKey", "Decrypt", "Encrypt", "DescribeKey"}
	records := make([][]byte, n)
	for i := range records {
		if i%10 >= kms {
			records[i] = cttest.PutObject(at, cttest.AssumedRole("111122223333", "app", "session"), "us-east-1", "example-bucket", fmt.Sprintf("path/%d", i), "").JSON()
			continue
		}
		e := cttest.Sample(names[i%len(names)], "111122223333", at.Add(time.Duration(i)*time.Second))
		e.ID = cttest.EventID(fmt.Sprint(i))
		e.Context = cttest.Pairs("aws:s3:arn", fmt.Sprintf("arn:aws:s3:::example-bucket/path/%d", i))
		records[i] = e.JSON()
	}
	return cttest.LogFile(records...)
}

// BenchmarkDecode measures decompression alone and with decoding; the ratio of
// the two in one run is what counts.
func BenchmarkDecode(b *testing.B) {
	for _, kms := range []int{0, 1, 10} {
		gz := benchFile(20_000, kms)
		var z inflater
		text, err := z.inflate(gz, DefaultMaxJSONBytes)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("kms=%d0%%/gunzip", kms), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := z.inflate(gz, DefaultMaxJSONBytes); err != nil {
					b.Fatal(err)
				}
			}
		})
		for name, body := range map[string][]byte{"decode": text, "gunzip+decode": gz} {
			b.Run(fmt.Sprintf("kms=%d0%%/%s", kms, name), func(b *testing.B) {
				f := newFileDecoder(nil, DefaultMaxJSONBytes)
				acc := newAccumulator(testSeed)
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					acc.reset()
					if file := f.decode(acc, LogFile{}, body); file.Status != FileIngested {
						b.Fatal(file.Error)
					}
				}
				b.ReportMetric(float64(b.N)*2e4*float64(kms)/10/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}
