package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/operate"
)

// TokenList is all tokens, by name. Their secrets are not known.
type TokenList struct {
	Tokens []access.Token `json:"tokens"`
}

// TokenRequest says what token to make.
type TokenRequest struct {
	// Name is how the audit log calls who shows it.
	Name string `json:"name"`
	// Role is read, operate or admin.
	Role access.Role `json:"role"`
	// ExpiresAt is when it ends: 90 days from now where nothing is said.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// NeverExpires makes a token without an end. It excludes ExpiresAt.
	NeverExpires bool `json:"never_expires,omitempty"`
}

// tokenAge is for how long a token is good when nobody says.
const tokenAge = 90 * 24 * time.Hour

// expiry is when the token ends; zero for never.
func (r *TokenRequest) expiry(now time.Time) (time.Time, error) {
	switch {
	case r.NeverExpires && !r.ExpiresAt.IsZero():
		return time.Time{}, operate.Usagef("give one of them", "expires_at and never_expires exclude each other")
	case r.NeverExpires:
		return time.Time{}, nil
	case r.ExpiresAt.IsZero():
		return now.Add(tokenAge).UTC().Truncate(time.Second), nil
	case !r.ExpiresAt.After(now):
		return time.Time{}, operate.Usagef("", "the token would expire at %s, which is not in the future", r.ExpiresAt.UTC().Format(time.RFC3339))
	}
	return r.ExpiresAt, nil
}

// NewToken is a token that was made. Nothing can tell its secret again.
type NewToken struct {
	Name   string      `json:"name"`
	Role   access.Role `json:"role"`
	Secret string      `json:"secret"`
	// ExpiresAt is null for a token that never does.
	ExpiresAt *time.Time `json:"expires_at"`
}

func (h *Handler) listTokens(w http.ResponseWriter, _ *http.Request) error {
	list, err := h.opts.Tokens.List()
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, TokenList{Tokens: notNil(list)})
}

func (h *Handler) createToken(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[TokenRequest](r)
	if err != nil {
		return err
	}
	of(r).detail = "token " + req.Name + " role " + string(req.Role)
	if err := access.CheckName(req.Name); err != nil {
		return operate.Usagef("", "%v", err)
	}
	if _, err := access.ParseRole(string(req.Role)); err != nil {
		return operate.Usagef("", "%v", err)
	}
	expires, err := req.expiry(h.opts.Now())
	if err != nil {
		return err
	}
	secret, err := h.opts.Tokens.Create(req.Name, req.Role, expires)
	if errors.Is(err, access.ErrNameTaken) {
		return operate.Usagef("revoke it first, or name the new one otherwise", "%v", err)
	}
	if err != nil {
		return err
	}
	made := NewToken{Name: req.Name, Role: req.Role, Secret: secret}
	if !expires.IsZero() {
		made.ExpiresAt = &expires
	}
	return reply(w, http.StatusCreated, made)
}

func (h *Handler) revokeToken(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	of(r).detail = "token " + name
	err := h.opts.Tokens.Revoke(name)
	if errors.Is(err, access.ErrUnknownToken) {
		return notFound(err.Error())
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
