"""Which specialist is a request for: how is that measured, and how were the rules' weights fitted?"""
