// SPDX-License-Identifier: Apache-2.0

// Package helm checks deploy/helm and deploy/kubernetes with Helm's own code and the types of Kubernetes' API. It is a
// module of its own: both have many modules.
package helm
