import TestSupport
import Testing

/// The real daemon process on real libvirt hosts. One after the other: the hosts are the same for all.
@Suite(.serialized, .needsLab) struct RealHypervisor {}
