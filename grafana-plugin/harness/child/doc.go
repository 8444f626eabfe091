// Package child has what programs have in common that are started to be asked and
// are to end with who started them.
package child
