// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Constants of traffic control over netlink (linux/rtnetlink.h, linux/pkt_sched.h, linux/pkt_cls.h) that x/sys/unix
// lacks.
const (
	tcmsgLength = 20 // struct tcmsg: family and padding, interface, handle, parent, info (4 bytes each)

	clsactParent  = 0xfffffff1 // TC_H_CLSACT
	clsactHandle  = 0xffff0000 // TC_H_MAKE(TC_H_CLSACT, 0): the handle of every clsact qdisc
	ingressParent = 0xfffffff2 // TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
	egressParent  = 0xfffffff3 // TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)

	tcaBPFFD     = 6
	tcaBPFName   = 7
	tcaBPFFlags  = 8
	tcaBPFID     = 11
	directAction = 1 // TCA_BPF_FLAG_ACT_DIRECT: the program's return value is the verdict
)

// Names of the filters. The suffix shows that weir created the qdisc too, since a qdisc cannot have a name.
const (
	filterPrefix = "weir_"
	qdiscSuffix  = "+qdisc"
)

// clsact is a pair of filters on a clsact qdisc, for kernels before 6.6. Filters outlive their process: weir recognises
// those of a killed weir by their names, and removes them at the next start. Adding or deleting a filter loses no
// packet. Adding or deleting a qdisc does: meanwhile Linux drops what the interface sends (dev_deactivate), some 10
// packets at 500,000 a second. So weir takes over the qdisc of a killed weir.
type clsact struct {
	ifindex   uint32
	filters   []filter
	madeQdisc bool
}

// filter identifies a filter of an interface.
type filter struct {
	parent, handle uint32
	info           uint32 // priority in the upper half, protocol (network order) in the lower
	name           string
	program        uint32 // id
}

func (f *filter) isOurs() bool { return strings.HasPrefix(f.name, filterPrefix) }

// attachClsact attaches the programs before the filters of others, on ingress and on egress: a packet that another
// filter passes, drops or redirects reaches no later filter. The programs return TC_ACT_UNSPEC, so that the kernel
// continues with the next filter. The network namespace is the calling thread's.
func attachClsact(ifindex uint32, ingress, egress *ebpf.Program) (hook, error) {
	c, err := dialTC()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	old, _, before, err := c.ownFilters(ifindex)
	if err != nil {
		return nil, fmt.Errorf("find the filters of a killed weir: %w", err)
	}
	made, err := c.addQdisc(ifindex)
	if err != nil {
		return nil, err
	}
	made = made || before
	h := &clsact{ifindex: ifindex, madeQdisc: made}
	for _, end := range []struct {
		parent  uint32
		name    string
		program *ebpf.Program
	}{{ingressParent, "weir_ingress", ingress}, {egressParent, "weir_egress", egress}} {
		if end.program == nil {
			continue
		}
		if made {
			end.name += qdiscSuffix
		}
		var f filter
		if at := slices.IndexFunc(old, func(f filter) bool { return f.parent == end.parent }); at >= 0 {
			f, err = c.replaceFilter(ifindex, &old[at], end.name, end.program)
			old = slices.Delete(old, at, at+1)
		} else {
			f, err = c.addFilter(ifindex, end.parent, end.name, end.program)
		}
		if err != nil {
			return nil, errors.Join(err, h.remove(c))
		}
		h.filters = append(h.filters, f)
	}
	for i := range old {
		if err := c.deleteFilter(ifindex, &old[i]); err != nil {
			return nil, errors.Join(fmt.Errorf("remove the filters of a killed weir: %w", err), h.remove(c))
		}
	}
	return h, nil
}

// ownFilters returns weir's filters of an interface, the number of other filters, and whether weir created the qdisc.
func (c *tc) ownFilters(ifindex uint32) (own []filter, others int, madeQdisc bool, err error) {
	present, err := c.filters(ifindex)
	for _, f := range present {
		if !f.isOurs() {
			others++
			continue
		}
		own = append(own, f)
		madeQdisc = madeQdisc || strings.HasSuffix(f.name, qdiscSuffix)
	}
	return own, others, madeQdisc, err
}

// replaceFilter puts a program in the place of a filter's: each packet meets the old one or the new one.
func (c *tc) replaceFilter(ifindex uint32, old *filter, name string, program *ebpf.Program) (filter, error) {
	attributes, id, err := filterAttributes(name, program)
	if err != nil {
		return filter{}, err
	}
	message := append(tcmsg(ifindex, old.handle, old.parent, old.info), attributes...)
	if err := c.do(unix.RTM_NEWTFILTER, netlink.Create, message); err != nil {
		return filter{}, fmt.Errorf("replace filter %s: %w", old.name, err)
	}
	f := *old
	f.name, f.program = name, id
	return f, nil
}

func (*clsact) kind() string { return "clsact" }

func (h *clsact) Close() error {
	c, err := dialTC()
	if err != nil {
		return err
	}
	defer c.Close()
	return h.remove(c)
}

// remove deletes the filters that are still there: another program may have replaced one of them.
func (h *clsact) remove(c *tc) error {
	present, err := c.filters(h.ifindex)
	if err != nil {
		return err
	}
	var errs error
	left := 0
	for _, f := range present {
		if !h.has(&f) {
			left++
			continue
		}
		errs = errors.Join(errs, c.deleteFilter(h.ifindex, &f))
	}
	if h.madeQdisc && left == 0 && errs == nil {
		errs = c.deleteQdisc(h.ifindex)
	}
	return errs
}

func (h *clsact) has(f *filter) bool {
	for _, mine := range h.filters {
		if *f == mine {
			return true
		}
	}
	return false
}

// RemoveLeftovers removes the filters that a killed weir left on an interface, and returns their number. It deletes the
// qdisc too, if weir created it and it has no other filter. The network namespace is the calling thread's. Do not call
// it while a weir is attached with clsact.
func RemoveLeftovers(ifindex uint32) (n int, err error) {
	c, err := dialTC()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.removeLeftovers(ifindex)
}

// RemoveLeftovers does so on every interface to which the loader is not attached. Call it after attaching to the first
// interfaces, which then keep their qdiscs.
func (l *Loader) RemoveLeftovers() (n int, err error) {
	c, err := dialTC()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	qdiscs, err := c.dump(unix.RTM_GETQDISC, 0, 0)
	if err != nil {
		return 0, fmt.Errorf("list qdiscs: %w", err)
	}
	for _, q := range qdiscs {
		if _, ours := l.hooks[q.ifindex]; ours || q.kind != "clsact" {
			continue
		}
		some, failed := c.removeLeftovers(q.ifindex)
		n += some
		err = errors.Join(err, failed)
	}
	return n, err
}

func (c *tc) removeLeftovers(ifindex uint32) (n int, err error) {
	own, others, madeQdisc, err := c.ownFilters(ifindex)
	if err != nil {
		return 0, err
	}
	for i := range own {
		if failed := c.deleteFilter(ifindex, &own[i]); failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		n++
	}
	if madeQdisc && others == 0 && err == nil {
		err = c.deleteQdisc(ifindex)
	}
	return n, err
}

// tc is a connection for traffic control.
type tc struct{ *netlink.Conn }

func dialTC() (*tc, error) {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	// For the kernel's error texts, which kernels before 4.12 lack.
	_ = c.SetOption(netlink.ExtendedAcknowledge, true)
	return &tc{c}, nil
}

// tcObject is a qdisc or a filter of a dump.
type tcObject struct {
	ifindex uint32
	kind    string
	filter
}

func tcmsg(ifindex, handle, parent, info uint32) []byte {
	b := make([]byte, 4, tcmsgLength)
	for _, word := range [...]uint32{ifindex, handle, parent, info} {
		b = binary.NativeEndian.AppendUint32(b, word)
	}
	return b
}

func (c *tc) do(kind netlink.HeaderType, flags netlink.HeaderFlags, message []byte) error {
	_, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Acknowledge | flags}, Data: message,
	})
	return err
}

// addQdisc ensures a clsact qdisc, and reports whether it created one.
func (c *tc) addQdisc(ifindex uint32) (made bool, err error) {
	a := netlink.NewAttributeEncoder()
	a.String(unix.TCA_KIND, "clsact")
	attributes, err := a.Encode()
	if err != nil {
		return false, fmt.Errorf("encode a qdisc: %w", err)
	}
	err = c.do(unix.RTM_NEWQDISC, netlink.Create|netlink.Excl, append(tcmsg(ifindex, clsactHandle, clsactParent, 0),
		attributes...))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.EEXIST):
		return false, c.checkQdisc(ifindex)
	case isUnsupported(err):
		// Without wrapping ENOENT, which callers take for a deleted interface.
		return false, &HookError{"clsact", fmt.Errorf("the kernel has no clsact qdisc (CONFIG_NET_SCH_INGRESS): %v",
			err)}
	}
	return false, fmt.Errorf("add a clsact qdisc: %w", err)
}

// checkQdisc returns an error if another qdisc is in clsact's place.
func (c *tc) checkQdisc(ifindex uint32) error {
	qdiscs, err := c.dump(unix.RTM_GETQDISC, ifindex, 0)
	if err != nil {
		return fmt.Errorf("list qdiscs: %w", err)
	}
	for _, q := range qdiscs {
		if q.ifindex == ifindex && q.kind == "ingress" {
			return &HookError{"clsact", errors.New("the interface has an ingress qdisc, which has no egress: " +
				"replace it by clsact (tc qdisc replace dev INTERFACE clsact)")}
		}
	}
	return nil
}

// isUnsupported reports whether an error means that the kernel was built without a kind of qdisc or filter, or without
// a subsystem.
func isUnsupported(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP)
}

// addFilter adds a filter with the first free priority.
func (c *tc) addFilter(ifindex, parent uint32, name string, program *ebpf.Program) (filter, error) {
	attributes, id, err := filterAttributes(name, program)
	if err != nil {
		return filter{}, err
	}
	present, err := c.dump(unix.RTM_GETTFILTER, ifindex, parent)
	if err != nil {
		return filter{}, fmt.Errorf("list filters: %w", err)
	}
	f := filter{parent: parent, handle: 1, name: name, program: id}
	for priority := firstFree(present, 1); priority <= math.MaxUint16; priority = firstFree(present, priority+1) {
		f.info = priority<<16 | uint32(swap16(unix.ETH_P_ALL))
		message := append(tcmsg(ifindex, f.handle, parent, f.info), attributes...)
		err = c.do(unix.RTM_NEWTFILTER, netlink.Create|netlink.Excl, message)
		if !errors.Is(err, unix.EEXIST) { // another program was faster
			break
		}
	}
	if isUnsupported(err) {
		err = &HookError{"clsact", fmt.Errorf("the kernel has no BPF filters (CONFIG_NET_CLS_BPF): %v", err)}
	}
	if err != nil {
		return filter{}, fmt.Errorf("add filter %s: %w", name, err)
	}
	return f, nil
}

// filterAttributes returns what describes a filter to the kernel, and the program's id.
func filterAttributes(name string, program *ebpf.Program) (attributes []byte, id uint32, err error) {
	info, err := program.Info()
	if err != nil {
		return nil, 0, fmt.Errorf("read the id of program %s: %w", name, err)
	}
	number, _ := info.ID()
	a := netlink.NewAttributeEncoder()
	a.String(unix.TCA_KIND, "bpf")
	a.Nested(unix.TCA_OPTIONS, func(a *netlink.AttributeEncoder) error {
		a.Uint32(tcaBPFFD, uint32(program.FD()))
		a.String(tcaBPFName, name)
		a.Uint32(tcaBPFFlags, directAction)
		return nil
	})
	if attributes, err = a.Encode(); err != nil {
		return nil, 0, fmt.Errorf("encode a filter: %w", err)
	}
	return attributes, uint32(number), nil
}

// firstFree returns the lowest free priority from the given one on. Linux assigns priorities of the upper half,
// counting down, to filters that request none; lower ones do not interfere.
func firstFree(present []tcObject, priority uint32) uint32 {
	for taken := true; taken; {
		taken = false
		for _, o := range present {
			if o.info>>16 == priority {
				taken = true
				priority++
				break
			}
		}
	}
	return priority
}

func swap16(v uint16) uint16 { return v<<8 | v>>8 }

func (c *tc) deleteFilter(ifindex uint32, f *filter) error {
	a := netlink.NewAttributeEncoder()
	a.String(unix.TCA_KIND, "bpf")
	attributes, err := a.Encode()
	if err != nil {
		return fmt.Errorf("encode a filter: %w", err)
	}
	err = c.do(unix.RTM_DELTFILTER, 0, append(tcmsg(ifindex, f.handle, f.parent, f.info), attributes...))
	if err != nil && !isGone(err) {
		return fmt.Errorf("delete filter %s: %w", f.name, err)
	}
	return nil
}

func (c *tc) deleteQdisc(ifindex uint32) error {
	err := c.do(unix.RTM_DELQDISC, 0, tcmsg(ifindex, clsactHandle, clsactParent, 0))
	if err != nil && !isGone(err) {
		return fmt.Errorf("delete the clsact qdisc: %w", err)
	}
	return nil
}

// isGone reports whether an error means that the object, or its interface, no longer exists.
func isGone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL)
}

// filters lists the filters on ingress and egress of an interface; a deleted interface has none.
func (c *tc) filters(ifindex uint32) ([]filter, error) {
	var all []filter
	for _, parent := range [...]uint32{ingressParent, egressParent} {
		objects, err := c.dump(unix.RTM_GETTFILTER, ifindex, parent)
		if err != nil {
			return nil, fmt.Errorf("list filters: %w", err)
		}
		for _, o := range objects {
			// The dump has each priority first without a handle, then once for each of its filters.
			if o.ifindex == ifindex && o.handle != 0 {
				all = append(all, o.filter)
			}
		}
	}
	return all, nil
}

// dump lists qdiscs or filters. A kernel without traffic control has none.
func (c *tc) dump(kind netlink.HeaderType, ifindex, parent uint32) ([]tcObject, error) {
	replies, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Dump}, Data: tcmsg(ifindex, 0, parent, 0),
	})
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	objects := make([]tcObject, 0, len(replies))
	for _, r := range replies {
		o, err := parseTC(r.Data, parent)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, nil
}

// parseTC reads a message about a qdisc or a filter.
func parseTC(b []byte, parent uint32) (o tcObject, err error) {
	if len(b) < tcmsgLength {
		return o, errors.New("traffic control message is too short")
	}
	word := func(i int) uint32 { return binary.NativeEndian.Uint32(b[4*i:]) }
	o.ifindex, o.handle, o.info = word(1), word(2), word(4)
	o.parent = parent
	d, err := netlink.NewAttributeDecoder(b[tcmsgLength:])
	if err != nil {
		return o, fmt.Errorf("read a traffic control message: %w", err)
	}
	var options []byte
	for d.Next() {
		switch d.Type() {
		case unix.TCA_KIND:
			o.kind = d.String()
		case unix.TCA_OPTIONS:
			options = bytes.Clone(d.Bytes())
		}
	}
	if err := d.Err(); err != nil {
		return o, fmt.Errorf("read a traffic control message: %w", err)
	}
	if o.kind != "bpf" || len(options) == 0 {
		return o, nil
	}
	if d, err = netlink.NewAttributeDecoder(options); err != nil {
		return o, fmt.Errorf("read a filter: %w", err)
	}
	for d.Next() {
		switch d.Type() {
		case tcaBPFName:
			o.name = d.String()
		case tcaBPFID:
			o.program = d.Uint32()
		}
	}
	return o, d.Err()
}
