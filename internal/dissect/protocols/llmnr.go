// SPDX-License-Identifier: Apache-2.0

package protocols

const portLLMNR = 5355
