// Package sampledata generates a CloudTrail log bucket on disk: an
// organisation of twelve accounts in four regions over thirty days, with the
// irregularities of real logs, incidents for the detectors to find and
// near-misses that must stay quiet. The same seed gives the same bytes.
//
// [Generate] writes DIR/bucket (the objects, in the layout of an organisation
// trail), DIR/truth.json (what is in it, see [Truth]) and DIR/kmstrail.yaml
// (the configuration that goes with it). README.md tells what is planted.
// The bucket, truth.json and kmstrail.yaml in this folder are a small one, for
// quick tests.
//
// [GenerateBench] writes few large files for measuring, [GenerateBenchTrail] and
// [GenerateBenchSmall] many small ones.
package sampledata
