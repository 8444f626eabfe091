package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Role is what a principal may do. Each role may do what the ones before it may.
type Role string

// The roles.
const (
	// Read asks: queries, status, findings, reports.
	Read Role = "read"
	// Operate works on the store: decisions about findings, ingest of the
	// configured source, detectors, rebuild, maintenance, backup.
	Operate Role = "operate"
	// Admin says who else may ask, and may name other sources than the
	// configured one.
	Admin Role = "admin"
)

// Roles lists the roles, the least first.
func Roles() []Role { return []Role{Read, Operate, Admin} }

// Allows reports whether r may do what needs role need. An unknown role may do
// nothing, and nothing may be done that needs one.
func (r Role) Allows(need Role) bool {
	have, want := slices.Index(Roles(), r), slices.Index(Roles(), need)
	return want >= 0 && have >= want
}

// ParseRole reads the name of a role.
func ParseRole(s string) (Role, error) {
	if r := Role(s); r.Allows(Read) {
		return r, nil
	}
	names := make([]string, 0, len(Roles()))
	for _, r := range Roles() {
		names = append(names, string(r))
	}
	return "", fmt.Errorf("%q is not a role; there are %s", s, strings.Join(names, ", "))
}

// Principal is who asks.
type Principal struct {
	// Name is a token's name, local:<user> at a unix socket, or anonymous. The
	// last two are not names that a token can have.
	Name string
	Role Role
}

// localPrefix begins the names of who may write beside the store.
const localPrefix = "local:"

// IsLocal reports whether p came through a unix socket.
func (p Principal) IsLocal() bool { return strings.HasPrefix(p.Name, localPrefix) }

// AnonymousName is the name of who asks without a token where that is allowed.
const AnonymousName = "anonymous"

// DeniedError says that a principal's role does not suffice.
type DeniedError struct {
	Principal Principal
	Need      Role
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("%s has role %s; this needs role %s", e.Principal.Name, e.Principal.Role, e.Need)
}

// Need returns a *DeniedError unless p may do what needs the role.
func (p Principal) Need(role Role) error {
	if p.Role.Allows(role) {
		return nil
	}
	return &DeniedError{Principal: p, Need: role}
}

type contextKey struct{}

// NewContext returns a context that carries who asks.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// FromContext returns who asks.
func FromContext(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(contextKey{}).(Principal)
	return p, ok
}
