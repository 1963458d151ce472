"""SOAP 1.2 as ONVIF uses it: bytes <-> values.

envelope  bytes of a request -> `Envelope`, with limits that hold before anything is parsed
faults    every generic fault as a value, `SoapFault`, rendering
schema    the official WSDL and XSD compiled: validation and parsing of arguments, operations by QName
encoder   plain values -> XML text, by closures compiled from the schema
"""
