// SPDX-License-Identifier: Apache-2.0

package protocols

// nfsPort is NFS's port (RFC 8881 §2.9.3).
const nfsPort = 2049

// isNFSProgram reports whether a program is NFS or one of its helpers: mount, rquota, lock managers, status, ACL.
func isNFSProgram(program int) bool {
	switch program {
	case 100003, 100005, 100011, 100020, 100021, 100024, 100227:
		return true
	}
	return false
}
