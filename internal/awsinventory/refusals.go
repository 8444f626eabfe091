package awsinventory

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go"

	"github.com/kmstrail/kmstrail/internal/inventory"
)

// maxSubjects is how many keys or the like one refusal names.
const maxSubjects = 20

// Refusal says what was asked and not answered.
type Refusal struct {
	Account, Region, API, Code, Detail string
	At                                 time.Time
	Count                              int64
	Subjects                           []string
}

// refusals puts the same together.
type refusals struct {
	now func() time.Time

	mu   sync.Mutex
	list []*Refusal
}

// add takes the error of a call about a subject, "" for a listing.
func (r *refusals) add(at place, api, subject string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found *Refusal
	for _, x := range r.list {
		if x.Account == at.account && x.Region == at.region && x.API == api && x.Code == code(err) {
			found = x
		}
	}
	if found == nil {
		found = &Refusal{Account: at.account, Region: at.region, API: api, Code: code(err), Detail: detail(err), At: r.now().UTC()}
		r.list = append(r.list, found)
	}
	found.Count++
	if subject != "" && len(found.Subjects) < maxSubjects && !slices.Contains(found.Subjects, subject) {
		found.Subjects = append(found.Subjects, subject)
	}
}

// detail is what AWS said, cut to what one line can bear.
func detail(err error) string {
	if status, ok := strings.CutPrefix(code(err), "HTTP"); ok {
		return "AWS answered with status " + status + " and nothing else"
	}
	text := err.Error()
	if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorMessage() != "" {
		text = e.ErrorMessage()
	}
	return clean(text, 1000)
}

// again counts a call that was not made, because those before it were refused.
func (r *refusals) again(at place, api string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.list {
		if x.Account == at.account && x.Region == at.region && x.API == api {
			x.Count++
			return
		}
	}
}

// all returns copies.
func (r *refusals) all() []Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Refusal, len(r.list))
	for i, x := range r.list {
		out[i] = *x
		out[i].Subjects = slices.Clone(x.Subjects)
	}
	return out
}

func (r *refusals) records() []inventory.Record {
	var out []inventory.Record
	for _, x := range r.all() {
		out = append(out, inventory.Record{
			"refused_at": x.At, "account_id": orNil(x.Account), "region": orNil(x.Region), "api": x.API,
			"error_code": x.Code, "detail": x.Detail, "refused_count": x.Count, "subjects": x.Subjects,
		})
	}
	return out
}
