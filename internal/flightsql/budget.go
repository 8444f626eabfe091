package flightsql

import (
	"fmt"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// readBudget is what unpacking a client's messages may allocate. The messages
// themselves are bounded, but not what a compressed one claims to become.
const readBudget = 64 << 20

// budget is an allocator that gives out so much in all, and then panics, as the
// interface has no errors. Arrow's readers make an error of it.
type budget struct {
	memory.Allocator
	left atomic.Int64
}

func newBudget() *budget {
	b := &budget{Allocator: memory.DefaultAllocator}
	b.left.Store(readBudget)
	return b
}

func (b *budget) take(n int) {
	if n < 0 || b.left.Add(-int64(n)) < 0 {
		panic(fmt.Errorf("the message unpacks to more than %d bytes", readBudget))
	}
}

func (b *budget) Allocate(n int) []byte {
	b.take(n)
	return b.Allocator.Allocate(n)
}

func (b *budget) Reallocate(n int, old []byte) []byte {
	b.take(max(n-cap(old), 0))
	return b.Allocator.Reallocate(n, old)
}
