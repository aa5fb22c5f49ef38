// SPDX-License-Identifier: Apache-2.0

// Package claims keeps two requests from doing the same at once: it knows which leads, idempotency keys, contents and
// persons somebody is at, within this process. What must outlive the process stands in the ledger.
package claims

// Claims are what one request holds. The zero value with a Table holds nothing. One goroutine at a time may use it.
type Claims[T any] struct {
	table   *Table[T]
	names   []string
	persons []heldPerson
}

type heldPerson struct {
	name string
	is   *Person
}

// In begins claims in a table.
func (t *Table[T]) In() *Claims[T] { return &Claims[T]{table: t} }

// Take takes a name for v, which must not be nil. If another request has it, its value is returned and ok is false:
// nothing was taken.
func (c *Claims[T]) Take(name string, v *T) (other *T, ok bool) {
	if other, ok = c.table.begin(name, v); ok {
		c.names = append(c.names, name)
	}
	return other, ok
}

// TakePerson takes a person by one of its names; false if a delivery that excludes this one is under way, and then
// nothing was taken.
func (c *Claims[T]) TakePerson(name string, p *Person) bool {
	if !c.table.persons.begin(name, p) {
		return false
	}
	c.persons = append(c.persons, heldPerson{name, p})
	return true
}

// Release gives everything back, what was taken last first: persons before names. Then nothing is held.
func (c *Claims[T]) Release() {
	for i := len(c.persons) - 1; i >= 0; i-- {
		c.table.persons.end(c.persons[i].name, c.persons[i].is)
	}
	for i := len(c.names) - 1; i >= 0; i-- {
		c.table.end(c.names[i])
	}
	c.persons, c.names = nil, nil
}

// HandOver gives all that is held to another owner: Release of c does nothing from then on.
func (c *Claims[T]) HandOver() *Claims[T] {
	out := &Claims[T]{c.table, c.names, c.persons}
	c.names, c.persons = nil, nil
	return out
}
