/// Character classes of RFC 9110 §5.6 and RFC 3986 as bit masks (no table to initialise, no bounds to miss).
enum FieldGrammar {
    @inline(__always)
    private static func contains(_ low: UInt64, _ high: UInt64, _ byte: UInt8) -> Bool {
        if byte < 64 { return low >> UInt64(byte) & 1 == 1 }
        return byte < 128 && high >> UInt64(byte & 63) & 1 == 1
    }

    /// tchar (RFC 9110 §5.6.2).
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool { contains(0x3ff_6cfa_0000_0000, 0x57ff_ffff_c7ff_fffe, byte) }

    /// pchar, "/" and "%" (RFC 3986 §3.3).
    @inline(__always)
    static func isPath(_ byte: UInt8) -> Bool { contains(0x2fff_fff2_0000_0000, 0x47ff_fffe_87ff_ffff, byte) }

    /// As `isPath`, and "?" (RFC 3986 §3.4).
    @inline(__always)
    static func isQuery(_ byte: UInt8) -> Bool { contains(0xafff_fff2_0000_0000, 0x47ff_fffe_87ff_ffff, byte) }

    /// Letters, digits, "-", "." and "_": what a host name may hold.
    @inline(__always)
    static func isHost(_ byte: UInt8) -> Bool { contains(0x3ff_6000_0000_0000, 0x7ff_fffe_87ff_fffe, byte) }

    /// field-vchar, SP, HTAB and obs-text (RFC 9110 §5.5).
    @inline(__always)
    static func isValue(_ byte: UInt8) -> Bool { byte >= 0x20 ? byte != 0x7f : byte == 0x09 }

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

    @inline(__always)
    static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }

    /// Equal without regard to ASCII case; `text` is in lower case.
    static func equals(_ bytes: some Collection<UInt8>, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { expected in
            zip(bytes, expected).allSatisfy { lowercased($0) == $1 }
        }
    }

    /// Without SP and HTAB at both ends (OWS, RFC 9110 §5.6.3; 0x85 and 0xa0 are not white space).
    static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var slice = bytes
        while let first = slice.first, first == 0x20 || first == 0x09 { slice.removeFirst() }
        while let last = slice.last, last == 0x20 || last == 0x09 { slice.removeLast() }
        return slice
    }
}
