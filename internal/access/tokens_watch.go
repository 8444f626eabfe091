package access

import (
	"context"
	"os"
	"time"
)

// TokenChange is a token that another process made or revoked.
type TokenChange struct {
	Token

	Revoked bool
}

// Protocols of the audit log for what did not come over the network.
const (
	// ProtocolUnix is for the sockets beside the store, whatever was spoken.
	ProtocolUnix = "unix"
	// ProtocolFile is for what was done to a file beside the store, as kmstrail
	// token does.
	ProtocolFile = "file"
)

// Entry is the change as the audit log has it. Who made it is not known, but it
// was somebody who may write the file.
func (c TokenChange) Entry() Entry {
	e := Entry{
		Principal: Principal{Name: localPrefix + "?", Role: Admin}, Protocol: ProtocolFile, Outcome: "ok",
		Action: "tokens.create", Detail: "token " + c.Name + " role " + string(c.Role),
	}
	if c.Revoked {
		e.Action, e.Detail = "tokens.revoke", "token "+c.Name
	}
	return e
}

// watchEvery is how long a change may stay unseen while nobody asks.
const watchEvery = time.Second

// Watch tells about the tokens that other processes make and revoke, until ctx
// ends. One that is made and revoked within a second may be missed.
func (t *Tokens) Watch(ctx context.Context, tell func(TokenChange)) {
	w := &tokensWatch{tokens: t, tell: tell}
	w.look()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.look()
		case <-ctx.Done():
			return
		}
	}
}

// tokensWatch is what is known to have been in the file.
type tokensWatch struct {
	tokens *Tokens
	tell   func(TokenChange)

	known  map[string]Token // by id; nil before the first look
	seen   os.FileInfo
	readAt time.Time
}

// look reads the file if it has changed. That it cannot be read is said by who
// needs it; the change is told of when it can.
func (w *tokensWatch) look() {
	if info, err := os.Stat(w.tokens.path); err == nil && sameFile(w.seen, info, w.readAt) {
		return
	}
	now := w.tokens.now()
	all, info, err := readTokens(w.tokens.path)
	if err != nil {
		return
	}
	before := w.known
	w.seen, w.readAt, w.known = info, now, make(map[string]Token, len(all))
	for _, s := range all {
		w.known[s.ID] = s.Token
		if _, was := before[s.ID]; !was && !w.tokens.isOwn(s.ID, false) && before != nil {
			w.tell(TokenChange{Token: s.Token})
		}
	}
	for id, token := range before {
		if _, is := w.known[id]; !is && !w.tokens.isOwn(id, true) {
			w.tell(TokenChange{Token: token, Revoked: true})
		}
	}
}

// ownChange names a change that this process makes.
type ownChange struct {
	id      string
	revoked bool
}

// own notes that a change is this process's, which knows who asked for it.
func (t *Tokens) own(id string, revoked bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes[ownChange{id, revoked}] = true
}

// isOwn reports whether a change is, and forgets it.
func (t *Tokens) isOwn(id string, revoked bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := ownChange{id, revoked}
	is := t.changes[c]
	delete(t.changes, c)
	return is
}
