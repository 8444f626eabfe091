// Package verifyreport writes down what kmstrail verify found, so that an auditor can
// keep it: for a terminal, as one HTML file that loads nothing, as JSON.
package verifyreport
