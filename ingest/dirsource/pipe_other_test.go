//go:build !unix

package dirsource_test

import "errors"

func makePipe(string) error { return errors.ErrUnsupported }
